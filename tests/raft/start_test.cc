// What a core is made from, and how it refuses.
#include <gtest/gtest.h>

#include "raft/options.h"
#include "raft/refusal.h"
#include "tests/raft/harness/member.h"

namespace keelson::raft::testing {
namespace {

Entry At(uint64_t term, uint64_t index) {
  return MakeEntry({Term(term), Index(index)}, EntryType::kNormal,
                   std::make_shared<const std::string>(36, 'x'));
}

TEST(Refusal, CarriesItsKindAndTheLeader) {
  const absl::Status status = RefusedStatus(Refusal::kNotLeader, "no", NodeId(7));
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(RefusalOf(status), Refusal::kNotLeader);
  EXPECT_EQ(LeaderHint(status), NodeId(7));
  EXPECT_EQ(RefusalOf(absl::OkStatus()), std::nullopt);
  EXPECT_EQ(RefusalOf(absl::UnavailableError("")), std::nullopt);
  EXPECT_TRUE(LeaderHint(absl::UnavailableError("")).IsNone());
}

TEST(InitialState, WhatDoesNotFitTogetherIsRefused) {
  InitialState good{.hard_state = {.term = Term(2), .commit = Index(3)},
                    .base = {Term(1), Index(1)},
                    .configuration = MakeConfiguration({1}),
                    .applied = Index(2),
                    .tail = {At(1, 2), At(1, 3), At(2, 4)},
                    .last = {Term(2), Index(4)}};
  EXPECT_TRUE(ValidateInitialState(good).ok()) << ValidateInitialState(good);
  const auto refused = [&](auto change) {
    InitialState bad = good;
    change(bad);
    return absl::IsDataLoss(ValidateInitialState(bad));
  };
  EXPECT_TRUE(refused([](InitialState& s) { s.hard_state.commit = Index(5); }));
  EXPECT_TRUE(refused([](InitialState& s) { s.hard_state.term = Term(1); }));
  EXPECT_TRUE(refused([](InitialState& s) { s.applied = Index(5); }));
  EXPECT_TRUE(refused([](InitialState& s) { s.applied = Index(0); }));
  EXPECT_TRUE(refused([](InitialState& s) { s.configuration_index = Index(3); }));
  EXPECT_TRUE(refused([](InitialState& s) { s.tail.erase(s.tail.begin() + 1); }));
  EXPECT_TRUE(refused([](InitialState& s) { s.tail.erase(s.tail.begin(), s.tail.begin() + 2); }));
  EXPECT_TRUE(refused([](InitialState& s) { s.tail[0].term = Term(9); }));
  EXPECT_TRUE(refused([](InitialState& s) { s.tail[1].type = EntryType::kConfig; }));
  EXPECT_TRUE(refused([](InitialState& s) { s.last.index = Index(9); }));
  EXPECT_TRUE(refused([](InitialState& s) { s.tail.clear(); }));
}

TEST(Options, EachMistakeIsNamed) {
  Options options;
  options.id = NodeId(1);
  options.incarnation = options.boot_id = 1;
  options.random = [](uint64_t) { return 0; };
  EXPECT_TRUE(ValidateOptions(options).ok());
  Options bad = options;
  bad.heartbeat_ticks = 10;
  EXPECT_NE(ValidateOptions(bad).message().find("election_ticks"), absl::string_view::npos);
  bad = options;
  bad.boot_id = 0;
  EXPECT_NE(ValidateOptions(bad).message().find("boot_id"), absl::string_view::npos);
}

}  // namespace
}  // namespace keelson::raft::testing
