// What a member that wants to join hears from one that it asks, over real sockets.
#include "server/peer/member_inquiry.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/peer/test_member.h"

namespace keelson::server {
namespace {

using namespace std::chrono_literals;

class MemberInquiryTest : public PeerNetworkTest {
 protected:
  // Asks on another thread, as another process would.
  absl::StatusOr<ClusterMembers> Ask(const std::string& url) {
    absl::StatusOr<ClusterMembers> answer = absl::UnknownError("not asked");
    std::atomic<bool> done{false};
    std::thread asker([&] {
      answer = AskForMembers(*ParsePeerUrl(url), 5s);
      done = true;
      loop_.Post([] {});
    });
    EXPECT_TRUE(RunUntil([&] { return done.load(); }));
    asker.join();
    return answer;
  }
};

TEST_F(MemberInquiryTest, AMemberTellsItsClusterAndTheMembersAndEndsTheConnection) {
  TestMember& member = Add(1);
  member.known = {{raft::NodeId(1), 101, {"http://a:1", "http://a:2"}},
                  {raft::NodeId(UINT64_MAX), 0, {"http://b:1"}}};
  const auto said = Ask(member.url());
  ASSERT_TRUE(said.ok()) << said.status();
  EXPECT_EQ(said->cluster_id, kTestCluster);
  ASSERT_EQ(said->members.size(), 2u);
  EXPECT_EQ(said->members[0].id, raft::NodeId(1));
  EXPECT_EQ(said->members[0].incarnation, 101u);
  EXPECT_EQ(said->members[0].peer_urls, (std::vector<std::string>{"http://a:1", "http://a:2"}));
  EXPECT_EQ(said->members[1].id, raft::NodeId(UINT64_MAX));
  EXPECT_EQ(said->members[1].incarnation, 0u);
  EXPECT_TRUE(RunUntil([&] { return member.network->rejects().inquiries == 1; }));
  EXPECT_TRUE(member.connected.empty()) << "who asks is no peer";
  EXPECT_TRUE(member.faults.empty());
}

TEST_F(MemberInquiryTest, MoreThanFitsIntoAHandshakeIsNotTold) {
  TestMember& member = Add(1);
  member.known = {{raft::NodeId(1), 101, {"http://a:1" + std::string(kMaxHandshakeBytes, 'x')}}};
  const auto said = Ask(member.url());
  EXPECT_TRUE(absl::IsFailedPrecondition(said.status())) << said.status();
}

TEST_F(MemberInquiryTest, WhereNobodyListensNobodyAnswers) {
  TestMember& member = Add(1);
  const std::string url = member.url();
  member.network.reset();
  const auto said = Ask(url);
  EXPECT_TRUE(absl::IsUnavailable(said.status())) << said.status();
  EXPECT_NE(said.status().message().find(url), std::string::npos);
}

}  // namespace
}  // namespace keelson::server
