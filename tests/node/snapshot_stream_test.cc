// Maintenance.Snapshot: an archive in messages, at the client's pace, and nothing left behind it.

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"
#include "storage/snapshot/archive.h"
#include "storage/snapshot/install.h"
#include "tests/node/node_cluster.h"
#include "tests/node/open_call.h"

namespace keelson::testing {
namespace {

using etcdserverpb::SnapshotResponse;
using std::chrono::seconds;

OpenCall Snapshot(NodeCluster& cluster, size_t index) {
  return OpenCall(cluster, index, "/etcdserverpb.Maintenance/Snapshot",
                  etcdserverpb::SnapshotRequest());
}

// Checkpoints that a member holds.
size_t Held(NodeCluster& cluster, size_t index) {
  SimMember& member = cluster.member(index);
  const auto names =
      member.disk().List(storage::OutgoingDir(member.options().data_dir + "/member/db"));
  return names.ok() ? names->size() : 0;
}

// Values that no compression makes smaller.
void Load(NodeCluster& cluster, int keys) {
  for (int i = 0; i < keys; ++i) {
    std::string value(20 << 10, '\0');
    for (char& c : value) c = static_cast<char>(cluster.world().dice().Next());
    ASSERT_TRUE(cluster.Put(0, absl::StrCat("k", i), value).ok());
  }
}

TEST(SnapshotStreamTest, IsAnArchiveInMessagesThatCountDown) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  Load(cluster, 30);
  OpenCall call = Snapshot(cluster, 0);
  ASSERT_TRUE(cluster.RunUntil([&] { return call.over(); }));
  ASSERT_EQ(call.status(), absl::OkStatus());
  std::string bytes;
  ASSERT_GT(call.messages(), 3u);
  const size_t last = call.messages() - 1;
  uint64_t total = 0;
  for (size_t i = 0; i < last; ++i) {
    const auto message = call.Message<SnapshotResponse>(i);
    ASSERT_FALSE(message.blob().empty());
    ASSERT_LE(message.blob().size(), 32u << 10);
    bytes += message.blob();
    if (i == 0) total = bytes.size() + message.remaining_bytes();
    EXPECT_EQ(message.remaining_bytes(), total - bytes.size());
    EXPECT_FALSE(message.has_header());
    EXPECT_EQ(message.version(), "3.6.0");
  }
  EXPECT_EQ(bytes.size(), total);
  EXPECT_EQ(total % 512, 0u);
  Sha256 sha;
  sha.Add(bytes);
  const auto checksum = call.Message<SnapshotResponse>(last);
  EXPECT_EQ(checksum.remaining_bytes(), 0u);
  EXPECT_EQ(checksum.blob(), sha.Finish());
  storage::FaultyFileSystem& disk = cluster.member(0).disk();
  ASSERT_EQ(storage::WriteFileDurably(disk, "/saved", bytes + checksum.blob()), absl::OkStatus());
  const auto archive = storage::ArchiveReader::Open(&disk, "/saved");
  ASSERT_TRUE(archive.ok()) << archive.status();
  EXPECT_EQ((*archive)->Verify({}), absl::OkStatus());
  EXPECT_EQ((*archive)->facts().keys, 30);
  EXPECT_EQ((*archive)->facts().manifest.revision, 31);
  EXPECT_TRUE(cluster.RunUntil([&] { return Held(cluster, 0) == 0; }));
}

TEST(SnapshotStreamTest, WaitsForASlowClientWhileWritesGoOn) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  Load(cluster, 150);
  OpenCall call = Snapshot(cluster, 0);
  call.call().SetStuck(true);
  cluster.RunFor(seconds(5));
  const size_t before = call.messages();
  EXPECT_GT(before, 10u);
  EXPECT_LT(before, 60u) << "what the client does not take is not read";
  EXPECT_EQ(Held(cluster, 0), 1u);
  ASSERT_TRUE(cluster.Put(0, "later", "v").ok());
  call.call().SetStuck(false);
  ASSERT_TRUE(cluster.RunUntil([&] { return call.over(); }));
  EXPECT_EQ(call.status(), absl::OkStatus());
  EXPECT_GT(call.messages(), 90u);
  EXPECT_TRUE(cluster.RunUntil([&] { return Held(cluster, 0) == 0; }));
}

TEST(SnapshotStreamTest, AClientThatGoesAwayLeavesNothing) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  Load(cluster, 150);
  OpenCall early = Snapshot(cluster, 0);
  early.Cancel();
  OpenCall late = Snapshot(cluster, 0);
  late.call().SetStuck(true);
  cluster.RunFor(seconds(5));
  EXPECT_EQ(Held(cluster, 0), 1u);
  late.Cancel();
  EXPECT_TRUE(cluster.RunUntil([&] { return Held(cluster, 0) == 0; }));
  EXPECT_FALSE(early.over());
}

TEST(SnapshotStreamTest, AClientThatTakesNothingForAMinuteIsLetGo) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  Load(cluster, 150);
  OpenCall call = Snapshot(cluster, 0);
  call.call().SetStuck(true);
  ASSERT_TRUE(cluster.RunUntil([&] { return call.over(); }, seconds(70)));
  EXPECT_EQ(call.status().code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(cluster.RunUntil([&] { return Held(cluster, 0) == 0; }));
}

TEST(SnapshotStreamTest, ClientsThatAskTogetherShareACheckpoint) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  Load(cluster, 150);
  std::vector<OpenCall> calls;
  for (int i = 0; i < 5; ++i) {
    calls.push_back(Snapshot(cluster, 0));
    calls.back().call().SetStuck(true);
  }
  cluster.RunFor(seconds(5));
  EXPECT_EQ(Held(cluster, 0), 1u);
  ASSERT_TRUE(cluster.Put(0, "later", "v").ok());
  calls.push_back(Snapshot(cluster, 0));
  cluster.RunFor(seconds(5));
  for (OpenCall& call : calls) {
    call.call().SetStuck(false);
    ASSERT_TRUE(cluster.RunUntil([&] { return call.over(); }));
    EXPECT_EQ(call.status(), absl::OkStatus());
  }
  const auto checksum = [&](size_t call) {
    return calls[call].Message<SnapshotResponse>(calls[call].messages() - 1).blob();
  };
  EXPECT_EQ(checksum(0), checksum(4));
  EXPECT_NE(checksum(0), checksum(5)) << "it has what was written since";
  EXPECT_TRUE(cluster.RunUntil([&] { return Held(cluster, 0) == 0; }));
}

TEST(SnapshotStreamTest, EveryMemberHasItsOwnWithoutALeaderToo) {
  NodeCluster cluster(3);
  const size_t leader = cluster.WaitForLeader();
  Load(cluster, 3);
  ASSERT_TRUE(cluster.WaitForRest());
  cluster.member(leader).Crash();
  cluster.member((leader + 1) % 3).Crash();
  cluster.RunFor(seconds(5));
  OpenCall call = Snapshot(cluster, (leader + 2) % 3);
  ASSERT_TRUE(cluster.RunUntil([&] { return call.over(); }));
  EXPECT_EQ(call.status(), absl::OkStatus());
}

}  // namespace
}  // namespace keelson::testing
