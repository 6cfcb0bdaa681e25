// A full disk makes a member read-only, with an alarm that clears itself (design: reserve file).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/apply/errors.h"
#include "tests/node/node_cluster.h"

namespace keelson::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::IsEmpty;

constexpr uint64_t kDisk = 64 << 20;

// Another program takes all but `left` bytes of what is free.
void Fill(SimMember& member, uint64_t left = 0) {
  storage::FaultyFileSystem& disk = member.disk();
  auto ballast = disk.Open("/ballast", storage::OpenMode::kCreateOrOpen);
  ASSERT_TRUE(ballast.ok()) << ballast.status();
  const uint64_t bytes = *(*ballast)->Size() + *disk.FreeBytes("/") - left;
  ASSERT_TRUE((*ballast)->Allocate(bytes).ok());
  ASSERT_TRUE((*ballast)->Sync().ok() && disk.SyncDirectory("/").ok());
}
void Empty(SimMember& member) {
  ASSERT_TRUE(member.disk().Remove("/ballast").ok() && member.disk().SyncDirectory("/").ok());
}

// The watch of a client: how many events it has seen.
class Follower {
 public:
  Follower(NodeCluster& cluster, size_t index) : events_(std::make_shared<int>(0)) {
    call_ = cluster.member(index).Call("/etcdserverpb.Watch/Watch", "",
                                       [events = events_](const std::string& bytes) {
                                         etcdserverpb::WatchResponse response;
                                         ASSERT_TRUE(response.ParseFromString(bytes));
                                         *events += response.events_size();
                                       },
                                       {});
    etcdserverpb::WatchRequest request;
    request.mutable_create_request()->set_key("k");
    request.mutable_create_request()->set_range_end("l");
    call_->Message(request.SerializeAsString());
  }
  int events() const { return *events_; }

 private:
  std::shared_ptr<int> events_;
  std::shared_ptr<sim::FakeCall> call_;
};

class DiskFullTest : public ::testing::Test {
 protected:
  void Start(size_t members, server::NodeOptions options = NodeCluster::SmallOptions()) {
    cluster_ = std::make_unique<NodeCluster>(members, std::move(options));
    for (size_t i = 0; i < members; ++i) cluster_->member(i).disk().SetCapacity(kDisk);
    leader_ = cluster_->WaitForLeader();
  }
  void TearDown() override { EXPECT_THAT(cluster_->fatals(), IsEmpty()); }

  void MustPut(size_t index, const std::string& key, const std::string& value) {
    const Outcome put = cluster_->Put(index, key, value);
    ASSERT_TRUE(put.ok()) << key << ": " << put.status;
  }
  void ExpectRefused(size_t index) {
    const Outcome put = cluster_->Put(index, "k/refused", "x");
    EXPECT_EQ(put.status, server::errors::NoSpace());
    EXPECT_LT(put.took, milliseconds(10)) << "at once";
  }
  bool Full(size_t index) { return cluster_->node(index).RefusesGrowth(); }

  std::unique_ptr<NodeCluster> cluster_;
  size_t leader_ = 0;
};

TEST_F(DiskFullTest, GrowthIsRefusedDeletesAndReadsAndWatchesGoOnAndTheAlarmClearsItself) {
  Start(1);
  NodeCluster& cluster = *cluster_;
  MustPut(0, "k/1", "one");
  MustPut(0, "k/2", "two");
  Follower follower(cluster, 0);
  Fill(cluster.member(0), 1000);
  EXPECT_TRUE(cluster.RunUntil([&] { return Full(0); }, seconds(1)));
  ExpectRefused(0);
  EXPECT_EQ(cluster.Get(0, "k/1"), "one");
  EXPECT_EQ(cluster.Get(0, "k/1", /*serializable=*/true), "one");
  EXPECT_TRUE(cluster.WaitForAlarms(0, "0:NOSPACE"));
  const Outcome deleted = cluster.Delete(0, "k/1");
  EXPECT_TRUE(deleted.ok()) << deleted.status;
  EXPECT_LT(deleted.took, milliseconds(100));
  EXPECT_TRUE(cluster.Compact(0, cluster.node(0).store().revision()).ok());
  EXPECT_EQ(cluster.Get(0, "k/1"), "-");
  EXPECT_EQ(follower.events(), 1);
  cluster.RunFor(seconds(5));
  ExpectRefused(0);

  Empty(cluster.member(0));
  EXPECT_TRUE(cluster.RunUntil([&] { return !Full(0); }, seconds(2)));
  MustPut(0, "k/3", "three");
  EXPECT_TRUE(cluster.WaitForAlarms(0, ""));
  cluster.RunFor(milliseconds(10));
  EXPECT_EQ(follower.events(), 2);
  EXPECT_TRUE(*cluster.member(0).disk().Exists("/m0/member/reserve"));
}

TEST_F(DiskFullTest, NothingAcknowledgedIsLostHoweverSuddenlyTheDiskFills) {
  for (const uint64_t left : {0, 4000, 20000, 70000, 130000}) {
    SCOPED_TRACE(left);
    Start(1);
    NodeCluster& cluster = *cluster_;
    for (int i = 0; i < 10; ++i) MustPut(0, absl::StrCat("k/", i), std::string(3000, 'a'));
    Fill(cluster.member(0), left);
    int acknowledged = 10;
    Outcome put;
    while (acknowledged < 1000) {
      put = cluster.Put(0, absl::StrCat("k/", acknowledged), std::string(3000, 'b'));
      if (!put.ok()) break;
      ++acknowledged;
    }
    EXPECT_EQ(put.status, server::errors::NoSpace());
    EXPECT_TRUE(cluster.Delete(0, "k/0").ok());
    Empty(cluster.member(0));
    ASSERT_TRUE(cluster.RunUntil([&] { return !Full(0); }, seconds(5)));
    MustPut(0, "k/after", "x");
    cluster.member(0).PowerLoss();
    ASSERT_TRUE(cluster.member(0).Start().ok());
    for (int i = 1; i < acknowledged; ++i) {
      ASSERT_NE(cluster.Get(0, absl::StrCat("k/", i)), "-") << i;
    }
    EXPECT_EQ(cluster.Get(0, "k/0"), "-");
    EXPECT_EQ(cluster.Get(0, "k/after"), "x");
  }
}

// What a flush writes finds no room, between two looks at the disk.
TEST_F(DiskFullTest, AStoreSpentByAFlushIsOpenAgainWithoutARestartAndReadsGoOnMeanwhile) {
  server::NodeOptions options = NodeCluster::SmallOptions();
  options.flush_after_bytes = 8 << 10;
  Start(1, options);
  NodeCluster& cluster = *cluster_;
  SimMember& member = cluster.member(0);
  MustPut(0, "k/first", "1");
  // Fills the disk after each put for a moment, until that is when a flush writes.
  const uint64_t full_before = member.disk().counters().full_errors;
  int puts = 0;
  while (member.disk().counters().full_errors == full_before) {
    ASSERT_LT(puts, 12) << "no flush met a full disk";
    if (puts > 0) Empty(member);
    MustPut(0, absl::StrCat("k/", puts++), std::string(3500, 'v'));
    Fill(member, 100);
    cluster.RunFor(milliseconds(1));
  }
  EXPECT_EQ(cluster.Get(0, "k/0"), std::string(3500, 'v'));
  ASSERT_TRUE(cluster.RunUntil([&] { return Full(0); }, seconds(1)));
  ExpectRefused(0);
  // The reserve is room enough to go on with deletes.
  EXPECT_TRUE(cluster.Delete(0, "k/0").ok());
  EXPECT_EQ(cluster.Get(0, "k/0"), "-");
  EXPECT_EQ(cluster.Get(0, "k/first"), "1");
  EXPECT_TRUE(*member.disk().Exists("/m0/member/db/0000000002"));
  Empty(member);
  ASSERT_TRUE(cluster.RunUntil([&] { return !Full(0); }, seconds(5)));
  for (int i = 0; i < 100; ++i) MustPut(0, absl::StrCat("l/", i), std::string(3500, 'w'));
  cluster.RunFor(seconds(1));
  EXPECT_FALSE(*member.disk().Exists("/m0/member/db/0000000001")) << "the spent one is gone";
  member.PowerLoss();
  ASSERT_TRUE(member.Start().ok());
  EXPECT_EQ(cluster.Get(0, absl::StrCat("k/", puts - 1)), std::string(3500, 'v'));
  EXPECT_EQ(cluster.Get(0, "k/0"), "-");
  EXPECT_EQ(cluster.Get(0, "l/99"), std::string(3500, 'w'));
}

TEST_F(DiskFullTest, AFollowerWithAFullDiskRefusesAndTheOthersGoOnAndItCatchesUp) {
  Start(3);
  NodeCluster& cluster = *cluster_;
  const size_t full = (leader_ + 1) % 3, other = (leader_ + 2) % 3;
  MustPut(full, "k/1", "one");
  Fill(cluster.member(full));
  ASSERT_TRUE(cluster.RunUntil([&] { return Full(full); }, seconds(1)));
  ExpectRefused(full);
  MustPut(other, "k/2", "two");
  EXPECT_TRUE(cluster.WaitForAlarms(other, absl::StrCat(full, ":NOSPACE")));
  EXPECT_FALSE(Full(other)) << "one of three is no reason to stop";
  // Far more than its log and its reserve hold.
  for (int i = 0; i < 300; ++i) MustPut(other, absl::StrCat("k/", i), std::string(3000, 'v'));
  cluster.RunFor(seconds(5));
  ExpectRefused(full);
  EXPECT_NE(cluster.Get(full, "k/1", /*serializable=*/true), "-");
  Empty(cluster.member(full));
  ASSERT_TRUE(cluster.RunUntil([&] { return !Full(full); }, seconds(5)));
  ASSERT_TRUE(cluster.WaitForRest());
  EXPECT_TRUE(cluster.WaitForAlarms(other, ""));
  MustPut(full, "k/3", "three");
  EXPECT_EQ(cluster.Get(full, "k/299"), std::string(3000, 'v'));
}

TEST_F(DiskFullTest, ALeaderWithAFullDiskHandsOver) {
  Start(3);
  NodeCluster& cluster = *cluster_;
  const size_t full = leader_;
  Fill(cluster.member(full), 500);
  ASSERT_TRUE(cluster.RunUntil([&] { return Full(full) && !cluster.node(full).status().is_leader; },
                               seconds(3)));
  const size_t other = cluster.WaitForLeader();
  EXPECT_NE(other, full);
  MustPut(other, "k/1", "one");
  ExpectRefused(full);
  Empty(cluster.member(full));
  ASSERT_TRUE(cluster.RunUntil([&] { return !Full(full); }, seconds(5)));
  MustPut(full, "k/2", "two");
}

TEST_F(DiskFullTest, WithoutAQuorumThatHasRoomGrowthIsRefusedEverywhereAndDeletesGoOn) {
  Start(3);
  NodeCluster& cluster = *cluster_;
  MustPut(0, "k/1", "one");
  ASSERT_TRUE(cluster.WaitForRest());
  Fill(cluster.member(1), 500);
  Fill(cluster.member(2), 500);
  ASSERT_TRUE(cluster.RunUntil([&] { return Full(0) && Full(1) && Full(2); }, seconds(5)));
  for (size_t i = 0; i < 3; ++i) ExpectRefused(i);
  EXPECT_TRUE(cluster.WaitForAlarms(0, "1:NOSPACE 2:NOSPACE"));
  for (size_t i = 0; i < 3; ++i) {
    const Outcome deleted = cluster.Delete(i, "k/1");
    EXPECT_TRUE(deleted.ok()) << i << ": " << deleted.status;
  }
  EXPECT_EQ(cluster.Get(2, "k/1"), "-");
  Empty(cluster.member(2));
  ASSERT_TRUE(cluster.RunUntil([&] { return !Full(0) && !Full(2); }, seconds(5)));
  MustPut(0, "k/2", "two");
  EXPECT_TRUE(cluster.WaitForAlarms(0, "1:NOSPACE"));
}

TEST_F(DiskFullTest, AnAlarmThatIsDisarmedComesBackWhileTheDiskIsFull) {
  Start(1);
  NodeCluster& cluster = *cluster_;
  Fill(cluster.member(0), 1000);
  ASSERT_TRUE(cluster.RunUntil([&] { return Full(0); }, seconds(1)));
  ASSERT_TRUE(cluster.WaitForAlarms(0, "0:NOSPACE"));
  etcdserverpb::AlarmRequest disarm;
  disarm.set_action(etcdserverpb::AlarmRequest::DEACTIVATE);
  disarm.set_memberid(cluster.member(0).id().value());
  disarm.set_alarm(etcdserverpb::NOSPACE);
  EXPECT_TRUE(cluster.Call(0, "/etcdserverpb.Maintenance/Alarm", disarm).ok());
  ExpectRefused(0);
  EXPECT_TRUE(cluster.WaitForAlarms(0, "0:NOSPACE"));
}

TEST_F(DiskFullTest, AStartOnAFullDiskUsesTheReserveAndTheAlarmOfAFormerLifeClears) {
  Start(1);
  NodeCluster& cluster = *cluster_;
  SimMember& member = cluster.member(0);
  MustPut(0, "k/1", "one");
  member.Crash();
  Fill(member);
  const absl::Status started = member.Start();
  ASSERT_TRUE(started.ok()) << started;
  EXPECT_EQ(cluster.Get(0, "k/1"), "one");
  ExpectRefused(0);
  EXPECT_TRUE(cluster.WaitForAlarms(0, "0:NOSPACE"));
  member.Crash();
  Fill(member);
  EXPECT_TRUE(absl::IsResourceExhausted(member.Start())) << "nothing is left to start with";
  Empty(member);
  ASSERT_TRUE(member.Start().ok());
  EXPECT_EQ(cluster.Get(0, "k/1"), "one");
  EXPECT_TRUE(cluster.WaitForAlarms(0, ""));
  MustPut(0, "k/2", "two");
}

// Disks fill and empty at random while processes die: what was acknowledged stays, and once there
// is room everywhere all members come to rest alike.
class RandomDisks {
 public:
  explicit RandomDisks(uint64_t seed) : cluster_(3, NodeCluster::SmallOptions(), seed) {
    for (size_t i = 0; i < 3; ++i) cluster_.member(i).disk().SetCapacity(kDisk);
    cluster_.WaitForLeader();
  }

  void Step() {
    const size_t index = dice().Below(3);
    SimMember& member = cluster_.member(index);
    switch (dice().Below(8)) {
      case 0:
        if (!full_[index]) Fill(member, dice().Below(4) * dice().Below(100000));
        full_[index] = true;
        break;
      case 1:
        if (std::exchange(full_[index], false)) Empty(member);
        break;
      case 2:
        if (member.up()) dice().OneIn(2) ? member.Crash() : member.PowerLoss();
        break;
      case 3:
        StartAll();
        break;
      default:
        if (member.up()) Write(index);
    }
    cluster_.RunFor(dice().Between(Duration(0), milliseconds(300)));
  }

  void Settle() {
    for (size_t i = 0; i < 3; ++i) {
      if (std::exchange(full_[i], false)) Empty(cluster_.member(i));
    }
    StartAll();
    for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(cluster_.member(i).up()) << i;
    EXPECT_TRUE(cluster_.RunUntil([&] {
      for (size_t i = 0; i < 3; ++i) {
        if (cluster_.node(i).RefusesGrowth()) return false;
      }
      return true;
    }));
    EXPECT_TRUE(cluster_.WaitForRest());
    EXPECT_TRUE(cluster_.WaitForAlarms(0, ""));
    EXPECT_THAT(cluster_.fatals(), IsEmpty());
    for (size_t i = 0; i < 3; ++i) {
      for (const auto& [key, values] : possible_) {
        EXPECT_THAT(values, ::testing::Contains(cluster_.Get(i, key))) << key << " at " << i;
      }
    }
  }
  int acknowledged() const { return acknowledged_; }

 private:
  sim::Dice& dice() { return cluster_.world().dice(); }

  void StartAll() {
    for (size_t i = 0; i < 3; ++i) {
      if (cluster_.member(i).up()) continue;
      const absl::Status status = cluster_.member(i).Start();
      if (!status.ok()) {
        EXPECT_TRUE(full_[i] && absl::IsResourceExhausted(status)) << status;
      }
    }
  }

  void Write(size_t index) {
    const std::string key = absl::StrCat("k", dice().Below(20));
    const bool deletes = dice().OneIn(3);
    const std::string value =
        deletes ? "-" : absl::StrCat(++written_, std::string(dice().Below(6000), 'v'));
    const Outcome outcome = deletes ? cluster_.Delete(index, key) : cluster_.Put(index, key, value);
    std::vector<std::string>& values = possible_.try_emplace(key, 1, "-").first->second;
    if (outcome.ok()) {
      ++acknowledged_;
      values = {value};
    } else if (!absl::IsResourceExhausted(outcome.status)) {
      values.push_back(value);  // nobody knows
    }
  }

  NodeCluster cluster_;
  bool full_[3] = {};
  int written_ = 0;
  int acknowledged_ = 0;
  std::map<std::string, std::vector<std::string>> possible_;  // what each key may hold
};

TEST(DiskFullRandomTest, WhateverFillsAndDiesNothingAcknowledgedIsLostAndAllComesBack) {
  uint64_t first = 1, last = 25;
  if (const char* seed = std::getenv("KEELSON_SEED")) {
    first = last = std::strtoull(seed, nullptr, 10);
  }
  int acknowledged = 0;
  for (uint64_t seed = first; seed <= last && !HasFailure(); ++seed) {
    SCOPED_TRACE(absl::StrCat("KEELSON_SEED=", seed));
    RandomDisks disks(seed);
    for (int step = 0; step < 120 && !HasFailure(); ++step) disks.Step();
    disks.Settle();
    acknowledged += disks.acknowledged();
  }
  EXPECT_GT(acknowledged, 100);
}

}  // namespace
}  // namespace keelson::testing
