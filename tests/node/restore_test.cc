// A new cluster from a snapshot of another one: what is there again, what is not, and what a crash
// half-way leaves.
#include "server/node/restore.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/apply/errors.h"
#include "tests/node/claims.h"
#include "tests/node/node_cluster.h"
#include "tests/node/open_call.h"

namespace keelson::testing {
namespace {

using server::Restored;
using server::RestoreOptions;
using std::chrono::seconds;

constexpr char kArchive[] = "/saved.db";

std::string SnapshotOf(NodeCluster& cluster, size_t index) {
  OpenCall call(cluster, index, "/etcdserverpb.Maintenance/Snapshot",
                etcdserverpb::SnapshotRequest());
  EXPECT_TRUE(cluster.RunUntil([&] { return call.over(); }));
  std::string bytes;
  for (size_t i = 0; i < call.messages(); ++i) {
    bytes += call.Message<etcdserverpb::SnapshotResponse>(i).blob();
  }
  return bytes;
}

// The snapshot of a cluster with some history and two leases.
struct Old {
  Old() : cluster(3) {
    cluster.WaitForLeader();
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(cluster.Put(0, absl::StrCat("k", i % 10), absl::StrCat("v", i)).ok());
    }
    lease = Grant(cluster, 0, 100);
    etcdserverpb::PutRequest put;
    put.set_key("leased");
    put.set_lease(lease);
    EXPECT_TRUE(cluster.Call(0, "/etcdserverpb.KV/Put", put).ok());
    // An alarm of a member that the next cluster does not have.
    etcdserverpb::AlarmRequest alarm;
    alarm.set_action(etcdserverpb::AlarmRequest::ACTIVATE);
    alarm.set_memberid(cluster.member(0).id().value());
    alarm.set_alarm(etcdserverpb::CORRUPT);
    EXPECT_TRUE(cluster.Call(0, "/etcdserverpb.Maintenance/Alarm", alarm).ok());
    EXPECT_TRUE(cluster.WaitForRest());
    archive = SnapshotOf(cluster, 1);
    cluster_id = cluster.node(0).identity().cluster_id;
  }
  NodeCluster cluster;
  int64_t lease = 0;
  std::string archive;
  uint64_t cluster_id = 0;
};

server::NodeOptions NewOptions() {
  server::NodeOptions options = NodeCluster::SmallOptions();
  options.initial_cluster_token = "restored";
  return options;
}

absl::StatusOr<Restored> Restore(SimMember& member, const std::string& archive,
                                 int64_t bump_revision = 0) {
  storage::FaultyFileSystem& disk = member.disk();
  EXPECT_EQ(storage::WriteFileDurably(disk, kArchive, archive), absl::OkStatus());
  RestoreOptions options;
  options.archive = kArchive;
  options.member = member.options();
  options.store_fs = &disk;
  options.bump_revision = bump_revision;
  uint64_t random = member.options().name.back();
  return server::RestoreMember(disk, options, [&random] { return ++random * 0x9e3779b97f4a7c15; });
}

void RestoreAll(NodeCluster& cluster, const std::string& archive, int64_t bump_revision = 0) {
  for (size_t i = 0; i < cluster.size(); ++i) {
    const auto restored = Restore(cluster.member(i), archive, bump_revision);
    ASSERT_TRUE(restored.ok()) << restored.status();
    EXPECT_EQ(restored->keys, 11);
    EXPECT_EQ(restored->revision, 22 + bump_revision);
    EXPECT_EQ(restored->member_id, cluster.member(i).id().value());
    ASSERT_EQ(cluster.member(i).Start(), absl::OkStatus());
  }
}

TEST(RestoreTest, ThreeMembersBeginANewClusterWithTheOldData) {
  const Old old;
  NodeCluster cluster(3, NewOptions(), 2, 0);
  RestoreAll(cluster, old.archive);
  cluster.WaitForLeader();
  EXPECT_NE(cluster.node(0).identity().cluster_id, old.cluster_id);
  for (size_t m = 0; m < 3; ++m) {
    for (int i = 10; i < 20; ++i) {
      EXPECT_EQ(cluster.Get(m, absl::StrCat("k", i % 10)), absl::StrCat("v", i));
    }
    EXPECT_EQ(cluster.Alarms(m), "");
    EXPECT_EQ(cluster.node(m).configuration().members.size(), 3u);
  }
  const Outcome put = cluster.Put(1, "new", "v");
  ASSERT_TRUE(put.ok()) << put.status;
  etcdserverpb::PutResponse answer;
  ASSERT_TRUE(answer.ParseFromString(put.bytes));
  EXPECT_EQ(answer.header().revision(), 23);
  ASSERT_TRUE(cluster.WaitForRest());
  // As any other cluster: over a crash of all, and with a wiped disk that is no threat.
  for (size_t m = 0; m < 3; ++m) cluster.member(m).Crash();
  for (size_t m = 0; m < 3; ++m) ASSERT_EQ(cluster.member(m).Start(), absl::OkStatus());
  cluster.WaitForLeader();
  EXPECT_EQ(cluster.Get(2, "new"), "v");
  EXPECT_TRUE(cluster.fatals().empty());
}

TEST(RestoreTest, LeasesBeginTheirTimeAnewAndEndWithTheirKeys) {
  const Old old;
  NodeCluster cluster(1, NewOptions(), 2, 0);
  RestoreAll(cluster, old.archive);
  cluster.WaitForLeader();
  EXPECT_EQ(cluster.Get(0, "leased"), "");
  cluster.RunFor(seconds(95));
  EXPECT_EQ(cluster.Get(0, "leased"), "");
  EXPECT_TRUE(cluster.RunUntil([&] { return cluster.Get(0, "leased") == "-"; }));
  EXPECT_TRUE(cluster.node(0).lease_table().List().empty());
}

TEST(RestoreTest, TheHistoryIsThereUnlessTheRevisionIsRaised) {
  const Old old;
  for (const int64_t bump : {int64_t{0}, int64_t{1000}}) {
    NodeCluster cluster(1, NewOptions(), 2, 0);
    RestoreAll(cluster, old.archive, bump);
    cluster.WaitForLeader();
    etcdserverpb::WatchRequest watch;
    watch.mutable_create_request()->set_key("k3");
    watch.mutable_create_request()->set_start_revision(5);
    OpenCall call(cluster, 0, "/etcdserverpb.Watch/Watch", etcdserverpb::WatchRequest());
    cluster.RunFor(std::chrono::milliseconds(10));
    call.call().Message(watch.SerializeAsString());
    ASSERT_TRUE(cluster.RunUntil([&] { return call.messages() == 2; }));
    EXPECT_TRUE(call.Message<etcdserverpb::WatchResponse>(0).created());
    const auto told = call.Message<etcdserverpb::WatchResponse>(1);
    etcdserverpb::RangeRequest range;
    range.set_key("k3");
    range.set_revision(10);
    const Outcome earlier = cluster.Call(0, "/etcdserverpb.KV/Range", range);
    if (bump == 0) {
      ASSERT_EQ(told.events_size(), 2);
      EXPECT_EQ(told.events(0).kv().mod_revision(), 5);
      EXPECT_TRUE(earlier.ok()) << earlier.status;
    } else {
      EXPECT_TRUE(told.canceled());
      EXPECT_EQ(told.compact_revision(), 1022);
      EXPECT_EQ(earlier.status, server::errors::Compacted());
    }
    ASSERT_TRUE(cluster.Put(0, "k3", "next").ok());
    EXPECT_EQ(cluster.node(0).store().revision(), 23 + bump);
    // Compaction, flush and a start go on from there.
    ASSERT_TRUE(cluster.Put(0, "k3", "after").ok());
    ASSERT_TRUE(cluster.Compact(0, 23 + bump).ok());
    cluster.RunFor(seconds(1));
    cluster.member(0).Crash();
    ASSERT_EQ(cluster.member(0).Start(), absl::OkStatus());
    EXPECT_EQ(cluster.Get(0, "k3"), "after");
    EXPECT_EQ(cluster.node(0).store().key_count(), 11);
  }
}

TEST(RestoreTest, ADirectoryThatHoldsSomethingIsRefused) {
  const Old old;
  NodeCluster cluster(1, NewOptions(), 2, 0);
  ASSERT_TRUE(Restore(cluster.member(0), old.archive).ok());
  const auto again = Restore(cluster.member(0), old.archive);
  EXPECT_EQ(again.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(absl::StrContains(again.status().message(), "--data-dir /m0 is not empty"))
      << again.status();
}

TEST(RestoreTest, ADamagedArchiveMakesNoMember) {
  const Old old;
  NodeCluster cluster(1, NewOptions(), 2, 0);
  std::string damaged = old.archive;
  damaged[damaged.size() / 2] ^= 1;
  EXPECT_EQ(Restore(cluster.member(0), damaged).status().code(), absl::StatusCode::kDataLoss);
  const auto cut = Restore(cluster.member(0), old.archive.substr(0, old.archive.size() - 32));
  EXPECT_TRUE(absl::StrContains(cut.status().message(), "has no checksum")) << cut.status();
  EXPECT_FALSE(*cluster.member(0).disk().Exists("/m0/member"));
  EXPECT_TRUE(Restore(cluster.member(0), old.archive).ok());
}

// Cuts the power at many points of a restore; what is left is a member, or can be restored again.
void LosePowerWhileRestoring(const server::NodeOptions& member_options) {
  const Old old;
  size_t none = 0;
  size_t whole = 0;
  for (uint64_t operations = 20; operations < 400; operations += 7) {
    NodeCluster cluster(1, member_options, 2, 0);
    storage::FaultyFileSystem& disk = cluster.member(0).disk();
    ASSERT_EQ(storage::WriteFileDurably(disk, kArchive, old.archive), absl::OkStatus());
    disk.CutPowerAfter(operations);
    RestoreOptions options;
    options.archive = kArchive;
    options.member = cluster.member(0).options();
    options.store_fs = &disk;
    uint64_t random = operations;
    const auto restored = server::RestoreMember(disk, options, [&random] { return ++random; });
    disk.PowerLoss();
    const bool member = *disk.Exists("/m0/member");
    if (restored.ok()) {
      EXPECT_TRUE(member);
    }
    ++(member ? whole : none);
    if (!member) {
      const auto again = Restore(cluster.member(0), old.archive);
      ASSERT_TRUE(again.ok()) << again.status() << " after " << operations;
    }
    ASSERT_EQ(cluster.member(0).Start(), absl::OkStatus()) << operations;
    cluster.WaitForLeader();
    EXPECT_EQ(cluster.Get(0, "k9"), "v19");
  }
  EXPECT_GT(none, 10u);
  EXPECT_GT(whole, 0u);
}

TEST(RestoreTest, APowerLossAtAnyPointLeavesNothingOrAMember) {
  LosePowerWhileRestoring(NewOptions());
}

TEST(RestoreTest, ThatHoldsWhereTheLogHasADirectoryOfItsOwn) {
  server::NodeOptions options = NewOptions();
  options.wal_dir = "/log";
  LosePowerWhileRestoring(options);
}

TEST(RestoreTest, ALogThatNoRestoreBeganIsLeftAlone) {
  const Old old;
  server::NodeOptions options = NewOptions();
  options.wal_dir = "/log";
  NodeCluster cluster(1, options, 2, 0);
  storage::FaultyFileSystem& disk = cluster.member(0).disk();
  ASSERT_EQ(disk.CreateDirectories("/log"), absl::OkStatus());
  ASSERT_EQ(storage::WriteFileDurably(disk, "/log/other", "bytes"), absl::OkStatus());
  const auto refused = Restore(cluster.member(0), old.archive);
  EXPECT_TRUE(absl::StrContains(refused.status().message(), "--wal-dir /log is not empty"))
      << refused.status();
  EXPECT_TRUE(*disk.Exists("/log/other"));
}

}  // namespace
}  // namespace keelson::testing
