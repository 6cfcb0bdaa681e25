// A log on a faulty disk, driven the way the node drives it, for tests.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "storage/fs/faulty_fs.h"
#include "storage/wal/wal.h"

namespace keelson::storage {

inline RandomFunction Seeded(uint64_t seed) {
  return [engine = std::make_shared<std::mt19937_64>(seed)] { return (*engine)(); };
}

inline raft::Entry EntryAt(uint64_t index, uint64_t term, std::string payload) {
  auto shared = payload.empty() ? nullptr : std::make_shared<const std::string>(std::move(payload));
  return raft::MakeEntry({raft::Term(term), raft::Index(index)}, raft::EntryType::kNormal, shared);
}

// Distinct for each entry and length.
inline std::string PayloadFor(uint64_t index, uint64_t term, size_t bytes) {
  std::string payload = std::to_string(index) + "/" + std::to_string(term) + ":";
  while (payload.size() < bytes) payload.push_back(static_cast<char>('a' + payload.size() % 23));
  payload.resize(bytes);
  return payload;
}

inline raft::HardState Hard(uint64_t term, uint64_t vote, uint64_t commit) {
  return {raft::Term(term), raft::NodeId(vote), raft::Index(commit)};
}

inline WalOptions SmallOptions(RandomFunction random) {
  WalOptions options;
  options.identity = {.cluster_id = 0xc1, .member_id = 0xa1};
  options.segment_bytes = 32 << 10;
  options.on_demand_bytes = 16 << 10;
  options.ready_segments = 1;
  options.random = std::move(random);
  return options;
}

class WalHarness {
 public:
  static constexpr const char* kDir = "/data/wal";

  explicit WalHarness(uint64_t seed = 1)
      : fs(Seeded(seed)), options(SmallOptions(Seeded(seed + 1000))) {}

  absl::Status Open() {
    wal.reset();
    next_seq = 1;
    auto opened = Wal::Open(&fs, kDir, options, &recovery);
    if (opened.ok()) wal = std::move(*opened);
    return opened.status();
  }

  void MustOpen() {
    absl::Status status = Open();
    ASSERT_TRUE(status.ok()) << status;
  }

  // SIGKILL, then a new process.
  void CrashAndOpen() {
    wal.reset();
    fs.Crash();
    MustOpen();
  }

  void LosePowerAndOpen(PowerLossMode mode = PowerLossMode::kLoseAll) {
    wal.reset();
    fs.PowerLoss(mode);
    MustOpen();
  }

  void Append(std::vector<raft::Entry> entries, std::optional<raft::HardState> hard = {},
              bool must_sync = true) {
    raft::PersistBatch batch;
    batch.seq = next_seq++;
    batch.entries = std::move(entries);
    batch.hard_state = hard;
    batch.must_sync = must_sync;
    wal->Append(std::move(batch));
  }

  // Entries [first, last] of `term`.
  void AppendRange(uint64_t first, uint64_t last, uint64_t term, size_t payload_bytes = 20) {
    std::vector<raft::Entry> entries;
    for (uint64_t i = first; i <= last; ++i) {
      entries.push_back(EntryAt(i, term, PayloadFor(i, term, payload_bytes)));
    }
    Append(std::move(entries));
  }

  // One write job, if there is something to write.
  absl::Status Write() {
    auto job = wal->TakeWrite();
    if (job == nullptr) return absl::OkStatus();
    (void)job->Run();
    return wal->WriteDone(std::move(job));
  }

  void MustWrite() {
    absl::Status status = Write();
    ASSERT_TRUE(status.ok()) << status;
  }

  absl::Status Upkeep() {
    auto job = wal->TakeUpkeep();
    if (job == nullptr) return absl::OkStatus();
    (void)job->Run();
    return wal->UpkeepDone(std::move(job));
  }

  // The ids of all readable entries, "index/term index/term ...", or the error.
  std::string Ids() {
    std::string text;
    uint64_t next = wal->base().index.value() + 1;
    while (next <= wal->durable_last().value()) {
      auto entries = wal->Read(raft::Index(next), raft::Index(next + 100), 1 << 16);
      if (!entries.ok()) return entries.status().ToString();
      for (const raft::Entry& entry : *entries) {
        EXPECT_EQ(entry.checksum, raft::ContentChecksum(entry));
        EXPECT_EQ(entry.index, raft::Index(next));
        text += (text.empty() ? "" : " ") + std::to_string(next++) + "/" +
                std::to_string(entry.term.value());
      }
    }
    return text;
  }

  std::vector<std::string> SegmentPaths() {
    std::vector<std::string> paths;
    auto names = fs.List(kDir);
    if (!names.ok()) return paths;
    for (const std::string& name : *names) {
      if (name.size() > 4 && name.substr(name.size() - 4) == ".wal") {
        paths.push_back(JoinPath(kDir, name));
      }
    }
    return paths;
  }

  FaultyFileSystem fs;
  WalOptions options;
  WalRecovery recovery;
  std::unique_ptr<Wal> wal;
  uint64_t next_seq = 1;
};

}  // namespace keelson::storage
