// A member whose state is wrong is found, named and out of service; the others go on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/apply/errors.h"
#include "storage/mvcc/apply_batch.h"
#include "tests/node/node_cluster.h"

namespace keelson::testing {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
namespace errors = server::errors;

class StateCheckTest : public ::testing::Test {
 protected:
  void Start(size_t members) {
    cluster_ = std::make_unique<NodeCluster>(members);
    leader_ = cluster_->WaitForLeader();
    for (int i = 0; i < 50; ++i) {
      ASSERT_TRUE(cluster_->Put(leader_, absl::StrCat("k", i), "v").ok());
    }
    ASSERT_TRUE(cluster_->WaitForRest());
  }
  // A put that no entry of the log asked for. With a write after it revisions are the others'
  // again, by number.
  void Tamper(size_t index, bool then_write = false) {
    storage::MvccStore& store = cluster_->node(index).store();
    auto batch = store.NewBatch();
    batch->BeginRequest();
    ASSERT_TRUE(batch->Put("k7", "w", 0).ok());
    batch->EndRequest();
    ASSERT_TRUE(batch->Commit(store.applied(), std::nullopt).ok());
    batch = nullptr;
    if (then_write) {
      ASSERT_TRUE(cluster_->Put(leader_, "k8", "x").ok());
    }
  }
  // One bit of a table file changes on the medium.
  void DamageFile(size_t index) {
    storage::MvccStore& store = cluster_->node(index).store();
    const auto flush = store.StartFlush();
    ASSERT_TRUE(flush.ok() && *flush != nullptr && (*flush)->Run().ok());
    storage::FaultyFileSystem& disk = cluster_->member(index).disk();
    const std::string file = SomeTable(disk, cluster_->member(index).options().data_dir);
    ASSERT_FALSE(file.empty());
    ASSERT_TRUE(disk.FlipBit(file, 400).ok());
  }
  static std::string SomeTable(storage::FaultyFileSystem& disk, const std::string& dir) {
    const auto names = disk.List(dir);
    if (!names.ok()) return "";
    for (const std::string& name : *names) {
      const std::string path = storage::JoinPath(dir, name);
      if (absl::EndsWith(name, ".sst")) return path;
      const std::string found = SomeTable(disk, path);
      if (!found.empty()) return found;
    }
    return "";
  }
  // Within ten seconds `ill` and nobody else is named, and serves nothing; the others serve.
  void ExpectOnlyOutOfService(size_t ill) {
    ASSERT_TRUE(
        cluster_->RunUntil([&] { return cluster_->node(ill).OutOfService(); }, seconds(10)));
    const size_t other = (ill + 1) % cluster_->size();
    ASSERT_TRUE(cluster_->WaitForAlarms(other, absl::StrCat(ill, ":CORRUPT")));
    EXPECT_THAT(cluster_->Get(ill, "k1", /*serializable=*/true), HasSubstr("corrupt cluster"));
    EXPECT_EQ(cluster_->Put(ill, "k1", "x").status, errors::Corrupt());
    EXPECT_THAT(cluster_->LogLines(ill, "kvctl member remove"), SizeIs(1));
    ASSERT_TRUE(cluster_->RunUntil([&] { return cluster_->Put(other, "k2", "x").ok(); }));
    EXPECT_EQ(cluster_->Get(other, "k2"), "x");
    ASSERT_TRUE(cluster_->RunUntil([&] {
      return !cluster_->node(ill).status().is_leader && cluster_->node(ill).HasLeader();
    }));
    EXPECT_THAT(cluster_->fatals(), IsEmpty());
  }

  std::unique_ptr<NodeCluster> cluster_;
  size_t leader_ = 0;
};

TEST_F(StateCheckTest, AlikeStatesAreComparedWithoutAnEndAndNobodyIsNamed) {
  Start(3);
  ASSERT_TRUE(cluster_->Compact(leader_, 20).ok());
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(cluster_->Put(leader_, absl::StrCat("k", i % 90), "w").ok());
    if (i % 40 == 0) {
      ASSERT_TRUE(cluster_->Delete(leader_, "k3", "k4").ok());
    }
    cluster_->RunFor(std::chrono::milliseconds(100));
  }
  EXPECT_GE(cluster_->node(leader_).counters().state_walks, 5u);
  EXPECT_EQ(cluster_->Alarms(leader_), "");
}

TEST_F(StateCheckTest, AFollowerThatDiffersIsNamedAndOutOfService) {
  Start(3);
  const size_t ill = (leader_ + 1) % 3;
  ASSERT_NO_FATAL_FAILURE(Tamper(ill));
  ASSERT_NO_FATAL_FAILURE(ExpectOnlyOutOfService(ill));
}

TEST_F(StateCheckTest, AFollowerWhoseHistoryDiffersIsNamed) {
  Start(3);
  const size_t ill = (leader_ + 2) % 3;
  ASSERT_NO_FATAL_FAILURE(Tamper(ill, /*then_write=*/true));
  ASSERT_NO_FATAL_FAILURE(ExpectOnlyOutOfService(ill));
}

TEST_F(StateCheckTest, ALeaderThatDiffersIsNamedAndHandsOver) {
  Start(3);
  ASSERT_NO_FATAL_FAILURE(Tamper(leader_));
  ASSERT_NO_FATAL_FAILURE(ExpectOnlyOutOfService(leader_));
}

TEST_F(StateCheckTest, ADamagedFileIsFoundThoughItsBlocksAreCached) {
  Start(3);
  const size_t ill = (leader_ + 1) % 3;
  ASSERT_NO_FATAL_FAILURE(DamageFile(ill));
  ASSERT_NO_FATAL_FAILURE(ExpectOnlyOutOfService(ill));
  EXPECT_THAT(cluster_->LogLines(ill, "this member's data is damaged"), SizeIs(1));
  // It knows that also after a restart.
  cluster_->member(ill).Crash();
  ASSERT_TRUE(cluster_->member(ill).Start().ok());
  EXPECT_TRUE(cluster_->RunUntil([&] { return cluster_->node(ill).OutOfService(); }));
}

TEST_F(StateCheckTest, OfTwoNobodyIsNamedAndNothingIsWritten) {
  Start(2);
  ASSERT_NO_FATAL_FAILURE(Tamper(1));
  ASSERT_TRUE(cluster_->RunUntil(
      [&] { return cluster_->node(0).facts().HasAlarm(0, server::AlarmKind::kCorrupt); },
      seconds(10)));
  EXPECT_FALSE(cluster_->node(0).OutOfService());
  EXPECT_EQ(cluster_->Put(0, "k1", "x").status, errors::Corrupt());
  EXPECT_EQ(cluster_->Get(0, "k1"), "v");
  EXPECT_THAT(cluster_->LogLines(leader_, "no quorum agrees"), SizeIs(1));
}

TEST_F(StateCheckTest, TheAlarmOfWhoWasRemovedIsCleared) {
  Start(3);
  const size_t ill = (leader_ + 1) % 3;
  ASSERT_NO_FATAL_FAILURE(Tamper(ill));
  ASSERT_NO_FATAL_FAILURE(ExpectOnlyOutOfService(ill));
  etcdserverpb::MemberRemoveRequest request;
  request.set_id(cluster_->member(ill).id().value());
  ASSERT_TRUE(cluster_->Call(leader_, "/etcdserverpb.Cluster/MemberRemove", request).ok());
  EXPECT_TRUE(cluster_->WaitForAlarms(leader_, ""));
}

}  // namespace
}  // namespace keelson::testing
