#include "tests/snapshot/snapshot_harness.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace keelson::storage {

MvccOptions SmallOptions(FileSystem* fs) {
  MvccOptions options;
  options.fs = fs;
  options.manual_background = true;
  options.file_bytes = 16 << 10;
  options.block_bytes = 1 << 10;
  options.compact_at_l0_files = 3;
  options.count_bucket_keys = 16;
  return options;
}

SnapshotWorld::SnapshotWorld(uint64_t seed)
    : random_(seed), disk_random_(~seed), fs_([this] { return disk_random_(); }) {
  for (const char* dir : {"/sender", "/target"}) {
    EXPECT_EQ(fs_.CreateDirectories(dir), absl::OkStatus());
  }
  EXPECT_EQ(fs_.SyncDirectory("/"), absl::OkStatus());
}

OpenedStore SnapshotWorld::Open(const std::string& root) {
  absl::StatusOr<OpenedStore> opened = OpenCurrent(&fs_, root, SmallOptions(&fs_));
  EXPECT_TRUE(opened.ok()) << opened.status();
  if (!opened.ok()) return {};
  return *std::move(opened);
}

void SnapshotWorld::Fill(MvccStore& store, const std::string& prefix, int keys) {
  uint64_t index = store.applied().index.value();
  auto batch = store.NewBatch();
  for (int i = 0; i < keys; ++i, ++index) {
    batch->BeginRequest();
    ASSERT_TRUE(batch->Put(absl::StrCat(prefix, i), prefix, 0).ok());
    batch->EndRequest();
  }
  auto result = batch->Commit({raft::Term(3), raft::Index(index)}, absl::StrCat("conf-", prefix));
  ASSERT_TRUE(result.ok()) << result.status();
}

void SnapshotWorld::Flush(MvccStore& store) {
  auto job = store.StartFlush();
  ASSERT_TRUE(job.ok()) << job.status();
  if (*job != nullptr) {
    ASSERT_EQ((*job)->Run(), absl::OkStatus());
  }
}

std::shared_ptr<const Checkpoint> SnapshotWorld::TakeCheckpoint(MvccStore& store) {
  auto job = StartCheckpoint(store, &fs_, kSender, next_checkpoint_++);
  EXPECT_EQ(job->Run(), absl::OkStatus());
  return job->checkpoint();
}

void SnapshotWorld::Transfer(const Checkpoint& from, SnapshotReceiver& to) {
  while (!to.complete()) {
    auto chunk = from.Read(to.next(), 1 + random_() % 5000);
    ASSERT_TRUE(chunk.ok()) << chunk.status();
    ASSERT_EQ(to.Write(chunk->at, chunk->bytes), absl::OkStatus());
  }
}

int64_t CountPrefix(MvccStore& store, const std::string& prefix) {
  auto count = store.View()->Count(KeyRange::Prefix(prefix));
  EXPECT_TRUE(count.ok()) << count.status();
  return count.value_or(-1);
}

}  // namespace keelson::storage
