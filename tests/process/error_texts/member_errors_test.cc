// What the Cluster service says of changes that are wrong, or would break the quorum.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/harness/test_cluster.h"
#include "tests/harness/wait_until.h"
#include "tests/process/error_texts/wire_client.h"

namespace keelson::testing {
namespace {

using namespace etcdserverpb;

class MemberErrorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FindServerBinary()) GTEST_SKIP() << MissingServerMessage();
  }
  void Start(int members) {
    auto started = TestCluster::Start({.members = members});
    ASSERT_TRUE(started.ok()) << started.status();
    cluster_ = *std::move(started);
    wire_ = std::make_unique<WireClient>(cluster_->member(0).endpoint());
    MemberListResponse list;
    wire_->Call(*wire_->cluster, &Cluster::Stub::MemberList, MemberListRequest(), false, &list);
    ASSERT_EQ(list.members_size(), members);
    self_ = list.header().member_id();
  }
  std::string Add(const std::string& url, bool learner = false) {
    MemberAddRequest request;
    request.add_peerurls(url);
    request.set_islearner(learner);
    return wire_->Send(request, &added_);
  }
  std::string Remove(uint64_t id) {
    MemberRemoveRequest request;
    request.set_id(id);
    return wire_->Send(request);
  }
  std::string Promote(uint64_t id) {
    MemberPromoteRequest request;
    request.set_id(id);
    return wire_->Send(request);
  }
  std::string Update(uint64_t id, const std::string& url) {
    MemberUpdateRequest request;
    request.set_id(id);
    request.add_peerurls(url);
    return wire_->Send(request);
  }

  std::unique_ptr<TestCluster> cluster_;
  std::unique_ptr<WireClient> wire_;
  MemberAddResponse added_;
  uint64_t self_ = 0;
};

TEST_F(MemberErrorsTest, RequestsThatAreWrongAreRefusedInEtcdsWords) {
  ASSERT_NO_FATAL_FAILURE(Start(1));
  EXPECT_EQ(wire_->Send(MemberAddRequest()), kBadUrls);
  EXPECT_EQ(Add("127.0.0.1:2380"), kBadUrls);
  EXPECT_EQ(Update(self_, "http://127.0.0.1"), kBadUrls);
  EXPECT_EQ(Add(cluster_->member(0).peer_url()), kUrlsExist);
  EXPECT_EQ(Remove(4711), kMemberNotFound);
  EXPECT_EQ(Promote(4711), kMemberNotFound);
  EXPECT_EQ(Update(4711, "http://127.0.0.1:1"), kMemberNotFound);
  EXPECT_EQ(Promote(self_), kNotLearner);
  EXPECT_EQ(Remove(self_), kNotEnoughStarted);
  ASSERT_EQ(Add("http://127.0.0.1:1", /*learner=*/true), kOk);
  EXPECT_EQ(Promote(added_.member().id()), kNotInSync) << "it was never started";
  EXPECT_EQ(Add("http://127.0.0.1:2", /*learner=*/true), kTooManyLearners);
  EXPECT_EQ(Remove(added_.member().id()), kOk);
  EXPECT_EQ(Remove(added_.member().id()), kMemberNotFound) << "removed already";
}

TEST_F(MemberErrorsTest, WhileAVoterIsDownNoVoterIsAdded) {
  ASSERT_NO_FATAL_FAILURE(Start(3));
  cluster_->member(2).Kill();
  EXPECT_TRUE(WaitUntil(absl::Seconds(10), [this] {
    const std::string text = Add("http://127.0.0.1:1");
    if (text == kOk) {
      EXPECT_EQ(Remove(added_.member().id()), kOk);
    }
    return text == kUnhealthy;
  }));
}

}  // namespace
}  // namespace keelson::testing
