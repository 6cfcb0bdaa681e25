// A cluster is lost and comes back from a snapshot: saved by kvctl and by etcdctl, looked at, and
// restored on all members.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/keelson/client.h"
#include "tests/harness/test_cluster.h"

namespace keelson::testing {
namespace {

using client::Client;
using client::KeyRange;

constexpr int kKeys = 500;

class SnapshotTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto server = FindServerBinary();
    if (!server) GTEST_SKIP() << MissingServerMessage();
    kvd_ = *server;
    if (std::filesystem::path(kvd_).filename() != "kvd") {
      GTEST_SKIP() << "SKIPPED, NOTHING WAS TESTED: the format is kvd's own";
    }
    kvctl_ = std::filesystem::path(kvd_).parent_path() / "kvctl";
    auto cluster = TestCluster::Start({.members = 3});
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    Connect();
    file_ = cluster_->dir() + "/saved.db";
  }

  void Connect() {
    auto client = Client::Create({.endpoints = cluster_->endpoints()});
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
  }

  // Returns the last revision.
  int64_t Load() {
    int64_t revision = 0;
    for (int i = 0; i < kKeys; ++i) {
      const auto put = client_->kv().Put(absl::StrCat("k", i), std::string(2000, 'a' + i % 26));
      EXPECT_TRUE(put.ok()) << put.status();
      if (put.ok()) revision = put->header.revision;
    }
    return revision;
  }

  CommandResult Save() {
    return RunCommand({kvctl_, "--endpoints", cluster_->endpoints()[1], "snapshot", "save", file_});
  }
  CommandResult Status() { return RunCommand({kvd_, "snapshot", "status", file_, "-o", "json"}); }
  CommandResult Restore(int index, const std::vector<std::string>& more = {}) {
    const ServerConfig& config = cluster_->member(index).config();
    std::vector<std::string> command = {kvd_,
                                        "snapshot",
                                        "restore",
                                        file_,
                                        "--name",
                                        config.name,
                                        "--data-dir",
                                        config.data_dir,
                                        "--initial-cluster",
                                        config.initial_cluster,
                                        "--initial-cluster-token",
                                        config.cluster_token,
                                        "--initial-advertise-peer-urls",
                                        absl::StrCat("http://127.0.0.1:", config.peer_port)};
    command.insert(command.end(), more.begin(), more.end());
    return RunCommand(command);
  }
  // All members lose their disks and begin again with the file.
  void RestoreAll(const std::vector<std::string>& more = {}) {
    for (int i = 0; i < 3; ++i) cluster_->member(i).Kill();
    for (int i = 0; i < 3; ++i) {
      std::filesystem::remove_all(cluster_->member(i).config().data_dir);
      cluster_->member(i).mutable_config().cluster_token = "restored";
      const CommandResult restored = Restore(i, more);
      ASSERT_EQ(restored.exit_code, 0) << restored.err;
    }
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(cluster_->member(i).Start().ok());
    for (int i = 0; i < 3; ++i) {
      const auto healthy = cluster_->member(i).WaitHealthy(absl::Seconds(30));
      ASSERT_TRUE(healthy.ok()) << healthy;
    }
    Connect();
  }
  void ExpectAllKeys() {
    const auto all = client_->kv().Get(KeyRange::Prefix("k"));
    ASSERT_TRUE(all.ok()) << all.status();
    ASSERT_EQ(all->kvs.size(), static_cast<size_t>(kKeys));
    for (const auto& kv : all->kvs) {
      EXPECT_EQ(kv.value, std::string(2000, 'a' + std::stoi(kv.key.substr(1)) % 26)) << kv.key;
    }
  }

  std::string kvd_;
  std::string kvctl_;
  std::string file_;
  std::unique_ptr<TestCluster> cluster_;
  std::unique_ptr<Client> client_;
};

TEST_F(SnapshotTest, ALostClusterIsThereAgainWithItsKeysLeasesAndHistory) {
  const auto lease = client_->leases().Grant(600);
  ASSERT_TRUE(lease.ok());
  ASSERT_TRUE(client_->kv().Put("leased", "v", {.lease = lease->id}).ok());
  const int64_t last = Load();
  const CommandResult saved = Save();
  ASSERT_EQ(saved.exit_code, 0) << saved.err;
  EXPECT_EQ(saved.out, absl::StrCat("Snapshot saved at ", file_, "\n"));
  EXPECT_EQ(saved.err, "") << "progress is for terminals";
  EXPECT_FALSE(std::filesystem::exists(file_ + ".part"));
  const CommandResult status = Status();
  EXPECT_TRUE(absl::StrContains(
      status.out, absl::StrCat("\"revision\":", last, ",\"totalKey\":", kKeys + 1, ",")))
      << status.out << status.err;

  RestoreAll();
  ExpectAllKeys();
  const auto time = client_->leases().TimeToLive(lease->id, {.keys = true});
  ASSERT_TRUE(time.ok()) << time.status();
  EXPECT_GT(time->ttl, 500);
  EXPECT_EQ(time->keys, std::vector<std::string>{"leased"});
  const auto watcher = client_->Watch({{.range = KeyRange::Key("k7"), .start_revision = 2}});
  const auto batch = watcher->Next(absl::Seconds(10));
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(batch->events.at(0).kv.key, "k7");
  const auto put = client_->kv().Put("after", "v");
  ASSERT_TRUE(put.ok()) << put.status();
  EXPECT_EQ(put->header.revision, last + 1);
  const auto members = client_->cluster().List();
  ASSERT_TRUE(members.ok());
  EXPECT_EQ(members->members.size(), 3u);
}

TEST_F(SnapshotTest, WhoHasSeenMoreThanTheSnapshotIsToldSo) {
  Load();
  ASSERT_EQ(Save().exit_code, 0);
  const auto later = client_->kv().Put("later", "lost");
  ASSERT_TRUE(later.ok());
  RestoreAll({"--bump-revision", "1000000", "--mark-compacted"});
  ExpectAllKeys();
  const auto watcher = client_->Watch(
      {{.range = KeyRange::Key("later"), .start_revision = later->header.revision + 1}});
  const auto told = watcher->Next(absl::Seconds(10));
  EXPECT_EQ(told.status().code(), absl::StatusCode::kOutOfRange) << told.status();
  const auto put = client_->kv().Put("later", "again");
  ASSERT_TRUE(put.ok());
  EXPECT_GT(put->header.revision, 1'000'000);
}

TEST_F(SnapshotTest, WhatEtcdctlSavesIsTheSame) {
  if (!FindProgram("etcdctl")) GTEST_SKIP() << "SKIPPED, NOTHING WAS TESTED: no etcdctl";
  Load();
  const CommandResult saved =
      RunCommand({"etcdctl", "--endpoints", cluster_->endpoints()[2], "snapshot", "save", file_},
                 {.environment = {"ETCDCTL_API=3"}});
  ASSERT_EQ(saved.exit_code, 0) << saved.err;
  EXPECT_EQ(Status().exit_code, 0);
  RestoreAll();
  ExpectAllKeys();
}

TEST_F(SnapshotTest, WhatIsWrongIsRefusedWithTheReason) {
  ASSERT_TRUE(client_->kv().Put("k", "v").ok());
  ASSERT_EQ(Save().exit_code, 0);
  const CommandResult taken = Restore(0);
  EXPECT_EQ(taken.exit_code, 1);
  EXPECT_TRUE(absl::StrContains(taken.err, "is not empty")) << taken.err;
  const CommandResult alone = Restore(0, {"--bump-revision", "5"});
  EXPECT_EQ(alone.exit_code, 2);
  EXPECT_TRUE(absl::StrContains(alone.err, "need each other")) << alone.err;
  EXPECT_EQ(Restore(0, {"--quota-backend-bytes", "5"}).exit_code, 2);
  EXPECT_EQ(Restore(0, {"--name", "somebody"}).exit_code, 2);
  const CommandResult two =
      RunCommand({kvctl_, "--endpoints", cluster_->endpoints()[0] + "," + cluster_->endpoints()[1],
                  "snapshot", "save", file_});
  EXPECT_EQ(two.exit_code, 2);
  std::filesystem::resize_file(file_, std::filesystem::file_size(file_) - 32);
  const CommandResult cut = Status();
  EXPECT_EQ(cut.exit_code, 1);
  EXPECT_TRUE(absl::StrContains(cut.err, "has no checksum")) << cut.err;
  std::ofstream(file_) << "something else";
  EXPECT_TRUE(absl::StrContains(Status().err, "is no snapshot of Keelson")) << Status().err;
}

}  // namespace
}  // namespace keelson::testing
