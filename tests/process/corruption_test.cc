// One member's data goes wrong: a byte of a file on its disk, or a value that no checksum covers.
// It is named and out of service within seconds, while the others serve.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/keelson/client.h"
#include "storage/mvcc/rocks_db.h"
#include "tests/harness/test_cluster.h"
#include "tests/harness/wait_until.h"
#include "tests/process/load_writer.h"

namespace keelson::testing {
namespace {

namespace fs = std::filesystem;

constexpr int kIll = 1;

class CorruptionTest : public ::testing::Test {
 protected:
  // More than a member keeps unflushed, so that most of it is in files.
  void SetUp() override {
    if (!FindServerBinary()) GTEST_SKIP() << MissingServerMessage();
    auto started = TestCluster::Start({.members = 3});
    ASSERT_TRUE(started.ok()) << started.status();
    cluster_ = *std::move(started);
    client_ = ClientOf({cluster_->member(0).endpoint(), cluster_->member(2).endpoint()});
    for (int i = 0; i < 50; ++i) {
      ASSERT_TRUE(client_->kv().Put(absl::StrCat("big/", i), std::string(1 << 20, 'v')).ok());
    }
    ill_ = MemberId(kIll);
    ASSERT_TRUE(WaitUntil(absl::Seconds(20), [this] { return !BiggestTable().empty(); }));
  }
  uint64_t MemberId(int index) {
    const auto status = client_->maintenance().Status(cluster_->member(index).endpoint());
    EXPECT_TRUE(status.ok()) << status.status();
    return status.ok() ? status->header.member_id : 0;
  }
  // Of the ill member; empty while there is none.
  std::string BiggestTable() {
    fs::path biggest;
    for (const auto& entry : fs::recursive_directory_iterator(Data())) {
      if (entry.path().extension() != ".sst") continue;
      if (biggest.empty() || entry.file_size() > fs::file_size(biggest)) biggest = entry.path();
    }
    return biggest.string();
  }
  std::string Data() { return cluster_->member(kIll).config().data_dir; }

  // A value in the store changes, and all checksums with it. The member is down.
  void ChangeValue(const std::string& key) {
    storage::MvccOptions options;
    options.dir = fs::path(BiggestTable()).parent_path().string();
    const auto db = storage::RocksDb::Open(options, /*read_only=*/false);
    ASSERT_TRUE(db.ok()) << db.status();
    auto record = (*db)->Get(rocksdb::ReadOptions(), storage::kLatest, key);
    ASSERT_TRUE(record.ok() && record->has_value());
    (*record)->back() = 'w';
    rocksdb::WriteBatch batch;
    ASSERT_TRUE(batch.Put((*db)->family(storage::kLatest), key, **record).ok());
    ASSERT_TRUE((*db)->Write(&batch).ok());
    rocksdb::FlushOptions flush;
    flush.wait = false;
    ASSERT_TRUE((*db)->db().Flush(flush, (*db)->families()).ok());
    (*db)->env().RunFlushes();
  }

  void ExpectOnlyTheIllOutOfService(absl::Time since) {
    ServerProcess& ill = cluster_->member(kIll);
    const auto out_of_service = [&] {
      return absl::StrContains(ill.LogTail(16000), "it serves no client any more");
    };
    ASSERT_TRUE(WaitUntil(absl::Seconds(10), out_of_service)) << ill.LogTail();
    std::cout << "out of service after " << absl::Now() - since << "\n";
    const auto alarmed = [&] {
      const auto alarms = client_->maintenance().Alarms();
      return alarms.ok() && alarms->alarms.size() == 1 && alarms->alarms[0].member_id == ill_ &&
             alarms->alarms[0].type == client::AlarmType::kCorrupt;
    };
    EXPECT_TRUE(WaitUntil(absl::Seconds(5), alarmed));
    EXPECT_TRUE(ill.IsRunning()) << "its vote and its log count on";
    const auto got = ClientOf({ill.endpoint()})->kv().Get(client::KeyRange::Key("big/2"));
    EXPECT_EQ(got.status().message(), "etcdserver: corrupt cluster");
    EXPECT_TRUE(client_->kv().Put("after", "1").ok());
    EXPECT_TRUE(client_->kv().Get(client::KeyRange::Key("big/1")).ok());
    for (const int index : {0, 2}) {
      EXPECT_EQ(cluster_->member(index).WaitHealthy(absl::Seconds(5)), absl::OkStatus());
    }
  }

  std::unique_ptr<TestCluster> cluster_;
  std::unique_ptr<client::Client> client_;
  uint64_t ill_ = 0;
};

TEST_F(CorruptionTest, AByteOfAFileThatFlipsIsFoundByItsChecksum) {
  // A file that is still being written would hide it.
  std::string path;
  ASSERT_TRUE(WaitUntil(absl::Seconds(20), [&] {
    const std::string before = std::exchange(path, BiggestTable());
    const auto age = fs::file_time_type::clock::now() - fs::last_write_time(path);
    return before == path && age > std::chrono::seconds(1);
  }));
  const absl::Time since = absl::Now();
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(5000);
  const char byte = static_cast<char>(file.get());
  file.seekp(5000);
  file.put(static_cast<char>(byte ^ 1));
  file.close();
  ASSERT_TRUE(file.good());
  ASSERT_NO_FATAL_FAILURE(ExpectOnlyTheIllOutOfService(since));
}

TEST_F(CorruptionTest, AValueThatDiffersIsFoundByTheOthers) {
  cluster_->member(kIll).Stop();
  ASSERT_NO_FATAL_FAILURE(ChangeValue("big/1"));
  const absl::Time since = absl::Now();
  ASSERT_EQ(cluster_->member(kIll).Start(), absl::OkStatus());
  ASSERT_EQ(cluster_->member(kIll).WaitListening(absl::Seconds(20)), absl::OkStatus());
  ASSERT_NO_FATAL_FAILURE(ExpectOnlyTheIllOutOfService(since));
}

}  // namespace
}  // namespace keelson::testing
