// Who is asked first, as the members change and as they answer.
#include "client/keelson/internal/endpoint_monitor.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/client/fake_core.h"

namespace keelson::client::internal {
namespace {

using keelson::testing::FakeCore;
using keelson::testing::FakeTransport;
using Preference = ClientOptions::Preference;

class EndpointMonitorTest : public ::testing::Test {
 protected:
  void Start(ClientOptions options) {
    options.endpoints = {"a:1", "b:1", "c:1"};
    fake_ = std::make_unique<FakeCore>(3, std::move(options));
    StartEndpointMonitor(fake_->core);
    fake_->scheduler->RunReady();
  }
  // The attempts since the last call.
  std::vector<FakeTransport::Attempt> NewAttempts() {
    return std::exchange(fake_->transport->attempts, {});
  }
  void Answer(const FakeTransport::Attempt& attempt,
              const google::protobuf::MessageLite& response) {
    attempt.done({.reach = Reach::kAnswered, .body = response.SerializeAsString()});
  }
  // Each member answers after so long with so much applied.
  void AnswerProbe(std::map<std::string, std::pair<absl::Duration, uint64_t>> members) {
    auto attempts = NewAttempts();
    ASSERT_EQ(attempts.size(), members.size());
    std::sort(attempts.begin(), attempts.end(), [&](const auto& one, const auto& other) {
      return members[one.start.endpoint].first < members[other.start.endpoint].first;
    });
    absl::Duration passed;
    for (const auto& attempt : attempts) {
      const auto& [latency, applied] = members[attempt.start.endpoint];
      fake_->scheduler->Advance(latency - passed);
      passed = latency;
      etcdserverpb::StatusResponse status;
      status.set_leader(1);
      status.set_raftappliedindex(applied);
      Answer(attempt, status);
    }
  }

  std::unique_ptr<FakeCore> fake_;
};

etcdserverpb::MemberListResponse Members(const std::vector<std::string>& urls) {
  etcdserverpb::MemberListResponse response;
  for (const std::string& url : urls) response.add_members()->add_clienturls(url);
  return response;
}

TEST_F(EndpointMonitorTest, NothingIsAskedUnlessItIsWished) {
  Start({});
  fake_->scheduler->Advance(absl::Hours(1));
  EXPECT_TRUE(NewAttempts().empty());
}

TEST_F(EndpointMonitorTest, EndpointsFollowTheMembers) {
  Start({.sync_interval = absl::Minutes(1)});
  auto attempts = NewAttempts();
  ASSERT_EQ(attempts.size(), 1u);
  auto members = Members({"http://b:1", "http://d:1", "https://e:1"});
  auto& learner = *members.add_members();
  learner.set_islearner(true);
  learner.add_clienturls("http://f:1");
  Answer(attempts[0], members);
  EXPECT_EQ(fake_->core->endpoints().addresses(),
            (std::vector<std::string>{"b:1", "d:1", "a:1", "c:1"}));
  EXPECT_EQ(fake_->core->endpoints().current(), "a:1") << "the one in use stays";
  fake_->scheduler->Advance(absl::Seconds(59));
  EXPECT_TRUE(NewAttempts().empty());
  fake_->scheduler->Advance(absl::Seconds(2));
  EXPECT_EQ(NewAttempts().size(), 1u);
}

TEST_F(EndpointMonitorTest, AFailureIsAReasonToAskAgain) {
  Start({.sync_interval = absl::Hours(1)});
  Answer(NewAttempts().at(0), Members({"http://a:1"}));
  fake_->core->endpoints().Failed("a:1", fake_->scheduler->Now());
  fake_->scheduler->Advance(absl::Seconds(1));
  EXPECT_EQ(NewAttempts().size(), 1u);
}

TEST_F(EndpointMonitorTest, TheNearestIsPreferredIfItIsMuchNearer) {
  Start({.preference = Preference::kNearest});
  AnswerProbe({{"a:1", {absl::Milliseconds(10), 5}},
               {"b:1", {absl::Milliseconds(9), 5}},
               {"c:1", {absl::Milliseconds(2), 5}}});
  EXPECT_EQ(fake_->core->endpoints().current(), "c:1");
  fake_->scheduler->Advance(absl::Seconds(10) - absl::Milliseconds(10));
  AnswerProbe({{"a:1", {absl::Milliseconds(9), 5}},
               {"b:1", {absl::Milliseconds(10), 5}},
               {"c:1", {absl::Milliseconds(11), 5}}});
  EXPECT_EQ(fake_->core->endpoints().current(), "c:1");
  const auto states = fake_->core->endpoints().States(fake_->scheduler->Now());
  EXPECT_EQ(states.at(2).latency, absl::Milliseconds(11));
  EXPECT_TRUE(states.at(2).in_use);
}

TEST_F(EndpointMonitorTest, OneThatLagsIsLeft) {
  Start({.preference = Preference::kFreshest});
  AnswerProbe({{"a:1", {absl::Milliseconds(1), 5000}},
               {"b:1", {absl::Milliseconds(9), 20000}},
               {"c:1", {absl::Milliseconds(9), 20001}}});
  EXPECT_EQ(fake_->core->endpoints().current(), "b:1");
}

TEST_F(EndpointMonitorTest, OneThatDoesNotAnswerIsLeft) {
  Start({.preference = Preference::kNearest});
  for (const auto& attempt : NewAttempts()) {
    if (attempt.start.endpoint == "b:1") {
      etcdserverpb::StatusResponse status;
      status.set_leader(1);
      Answer(attempt, status);
    } else {
      attempt.done({.status = absl::UnavailableError("gone"), .reach = Reach::kNotSent});
    }
  }
  EXPECT_EQ(fake_->core->endpoints().current(), "b:1");
}

}  // namespace
}  // namespace keelson::client::internal
