// Reads of three real members of which two are killed: stale where that is allowed, with an age
// that grows as it should, and linearizable again once the others are back.
#include <string>

#include "tests/client/wire_fixture.h"

namespace keelson::client {
namespace {

using keelson::testing::FindServerBinary;
using keelson::testing::MissingServerMessage;
using keelson::testing::TestCluster;
using keelson::testing::WaitUntil;

class StaleReadsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FindServerBinary()) GTEST_SKIP() << MissingServerMessage();
    auto cluster = TestCluster::Start({.members = 3});
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    auto client = Client::Create({.endpoints = cluster_->endpoints()});
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
    const auto granted = client_->leases().Grant(3600);
    ASSERT_TRUE(granted.ok()) << granted.status();
    lease_ = granted->id;
    const auto ttl = client_->leases().TimeToLive(lease_);
    ASSERT_TRUE(ttl.ok()) << ttl.status();
    const auto put = client_->kv().Put("k", "v");
    ASSERT_TRUE(put.ok()) << put.status();
    written_ = put->header.revision;
    // All members have it, and each knows how old it is, if it ever does.
    for (const std::string& endpoint : cluster_->endpoints()) {
      auto one = Client::Create({.endpoints = {endpoint}});
      ASSERT_TRUE(one.ok()) << one.status();
      ASSERT_TRUE(WaitUntil(absl::Seconds(10), [&] {
        const auto got = (*one)->kv().Get(KeyRange::Key("k"), {.serializable = true},
                                          {.read = {.min_revision = written_}});
        if (!got.ok()) return false;
        says_ages_ = got->freshness.quorum;
        return got->freshness.age.has_value() || !says_ages_;
      }));
    }
    EXPECT_EQ(ttl->freshness.age.has_value() && ttl->freshness.quorum, says_ages_);
  }

  absl::StatusOr<GetResult> Read(const ReadOptions& read) {
    return client_->kv().Get(KeyRange::Key("k"), {}, {.read = read});
  }

  std::unique_ptr<TestCluster> cluster_;
  std::unique_ptr<Client> client_;
  int64_t lease_ = 0;
  int64_t written_ = 0;
  bool says_ages_ = false;  // etcd does not
};

TEST_F(StaleReadsTest, ReadsGoOnWithoutAQuorumAndTellTheirAge) {
  cluster_->member(0).Kill();
  cluster_->member(1).Kill();
  const absl::Time dead = absl::Now();
  // The least that the next age may be.
  absl::Duration last = absl::ZeroDuration();
  for (int i = 0; absl::Now() < dead + absl::Seconds(5); ++i) {
    const absl::Time asked = absl::Now();
    const absl::Duration at_least = asked - dead;
    const auto got = Read({.stale_ok = true});
    ASSERT_TRUE(got.ok()) << got.status();
    const absl::Duration took = absl::Now() - asked;
    EXPECT_EQ(got->kvs.at(0).value, "v");
    EXPECT_GE(got->freshness.revision, written_);
    EXPECT_FALSE(got->freshness.linearizable);
    EXPECT_EQ(got->freshness.age.has_value(), says_ages_);
    if (!says_ages_) continue;
    // No quorum has confirmed anything since they were dead. A little for the timers' coarseness.
    EXPECT_GE(*got->freshness.age, at_least - absl::Milliseconds(50)) << "read " << i;
    EXPECT_GE(*got->freshness.age, last - absl::Milliseconds(50)) << "read " << i;
    // It counts all the time that its call took, which the next call need not take.
    last = *got->freshness.age - took;
    EXPECT_FALSE(got->freshness.quorum && *got->freshness.age > absl::Seconds(4));
  }
  EXPECT_LT(last, absl::Seconds(15)) << "an age that says nothing";

  const auto members = client_->cluster().List({}, {.read = {.stale_ok = true}});
  ASSERT_TRUE(members.ok()) << members.status();
  EXPECT_EQ(members->members.size(), 3u);
  if (says_ages_) {
    EXPECT_FALSE(members->freshness.linearizable);
    EXPECT_GE(members->freshness.age, last - absl::Milliseconds(50));
    const auto leases = client_->leases().List({.read = {.max_age = absl::Hours(1)}});
    ASSERT_TRUE(leases.ok()) << leases.status();
    EXPECT_EQ(leases->ids, std::vector<int64_t>{lease_});
    EXPECT_GE(leases->freshness.age, last - absl::Milliseconds(50));
    EXPECT_FALSE(client_->leases().List({.read = {.max_age = absl::Seconds(2)}}).ok());
  }

  const auto young = Read({.max_age = absl::Seconds(2), .stale_ok = true});
  EXPECT_EQ(young.status().code(), absl::StatusCode::kFailedPrecondition) << young.status();
  EXPECT_EQ(Read({.max_age = absl::Hours(1), .stale_ok = true}).ok(), says_ages_);
  EXPECT_FALSE(client_->kv().Get(KeyRange::Key("k"), {}, {.timeout = absl::Seconds(1)}).ok())
      << "nobody allowed a stale answer";
}

TEST_F(StaleReadsTest, AMemberRestartedAloneAnswersAndAQuorumThatIsBackIsNoticed) {
  if (!says_ages_) GTEST_SKIP() << "etcd answers nothing when it is restarted without a quorum";
  for (int index = 0; index < 3; ++index) cluster_->member(index).Kill();
  ASSERT_TRUE(cluster_->member(2).Start().ok());
  ASSERT_TRUE(cluster_->member(2).WaitListening(absl::Seconds(30)).ok());
  ASSERT_TRUE(WaitUntil(absl::Seconds(20), [&] { return Read({.stale_ok = true}).ok(); }));
  const auto lonely = Read({.stale_ok = true});
  ASSERT_TRUE(lonely.ok()) << lonely.status();
  EXPECT_EQ(lonely->kvs.at(0).value, "v");
  EXPECT_FALSE(lonely->freshness.linearizable || lonely->freshness.quorum);
  EXPECT_EQ(lonely->freshness.age, std::nullopt) << "it has heard from nobody since its start";
  EXPECT_EQ(Read({.max_age = absl::Hours(1), .stale_ok = true}).status().code(),
            absl::StatusCode::kFailedPrecondition);

  ASSERT_TRUE(cluster_->member(0).Start().ok());
  ASSERT_TRUE(cluster_->member(1).Start().ok());
  ASSERT_TRUE(cluster_->member(0).WaitHealthy(absl::Seconds(30)).ok());
  EXPECT_TRUE(WaitUntil(absl::Seconds(30), [&] {
    const auto got = Read({.stale_ok = true});
    return got.ok() && got->freshness.linearizable;
  }));
  ASSERT_TRUE(client_->kv().Put("k", "w", {}, {.timeout = absl::Seconds(20)}).ok());
  const auto fresh = Read({});
  ASSERT_TRUE(fresh.ok()) << fresh.status();
  EXPECT_EQ(fresh->kvs.at(0).value, "w");
}

}  // namespace
}  // namespace keelson::client
