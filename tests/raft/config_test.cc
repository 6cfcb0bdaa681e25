// Configurations: their rules, their changes, their bytes.
#include <gtest/gtest.h>

#include <random>

#include "raft/config_change.h"
#include "raft/config_codec.h"
#include "tests/raft/harness/member.h"

namespace keelson::raft::testing {
namespace {

ConfChange Change(ConfChangeType type, uint64_t id) { return {.type = type, .node = NodeId(id)}; }

using Type = ConfChangeType;

absl::StatusOr<Configuration> Apply(const Configuration& from, std::vector<ConfChange> changes) {
  return ApplyChanges(from, changes);
}

std::string Result(const Configuration& from, std::vector<ConfChange> changes) {
  const absl::StatusOr<Configuration> next = Apply(from, std::move(changes));
  return next.ok() ? Describe(*next) : std::string(absl::StatusCodeToString(next.status().code()));
}

TEST(ConfigChange, OneVoterAtATimeIsSimple) {
  const Configuration three = MakeConfiguration({1, 2, 3}, {4});
  EXPECT_EQ(Result(three, {Change(Type::kAddVoter, 5)}), "voters=(1 2 3 5) learners=(4)");
  EXPECT_EQ(Result(three, {Change(Type::kAddLearner, 5)}), "voters=(1 2 3) learners=(4 5)");
  EXPECT_EQ(Result(three, {Change(Type::kPromote, 4)}), "voters=(1 2 3 4)");
  EXPECT_EQ(Result(three, {Change(Type::kRemove, 3)}), "voters=(1 2) learners=(4) removed=(3)");
  EXPECT_EQ(Result(three, {Change(Type::kRemove, 4)}), "voters=(1 2 3) removed=(4)");
}

TEST(ConfigChange, MoreThanOneVoterIsJoint) {
  const Configuration three = MakeConfiguration({1, 2, 3});
  EXPECT_EQ(Result(three, {Change(Type::kAddVoter, 4), Change(Type::kRemove, 1)}),
            "voters=(2 3 4) outgoing=(1 2 3) auto_leave");
  EXPECT_EQ(Result(three, {Change(Type::kDemote, 3)}),
            "voters=(1 2) outgoing=(1 2 3) learners_next=(3) auto_leave");
}

TEST(ConfigChange, LeavingAJointConfigurationSettlesWhoIsWhat) {
  const Configuration three = MakeConfiguration({1, 2, 3});
  const auto joint = Apply(three, {Change(Type::kDemote, 3), Change(Type::kRemove, 2),
                                   Change(Type::kAddVoter, 4), Change(Type::kAddLearner, 5)});
  ASSERT_TRUE(joint.ok());
  EXPECT_EQ(Describe(*joint),
            "voters=(1 4) outgoing=(1 2 3) learners=(5) learners_next=(3) auto_leave");
  EXPECT_TRUE(joint->IsMember(NodeId(2)));
  EXPECT_EQ(Describe(LeaveJoint(*joint)), "voters=(1 4) learners=(3 5) removed=(2)");
}

TEST(ConfigChange, ContradictionsAreRefused) {
  const Configuration c = MakeConfiguration({1, 2, 3}, {4});
  EXPECT_EQ(Result(c, {}), "INVALID_ARGUMENT");
  EXPECT_EQ(Result(c, {Change(Type::kAddVoter, 1)}), "ALREADY_EXISTS");
  EXPECT_EQ(Result(c, {Change(Type::kAddLearner, 4)}), "ALREADY_EXISTS");
  EXPECT_EQ(Result(c, {Change(Type::kPromote, 1)}), "INVALID_ARGUMENT");
  EXPECT_EQ(Result(c, {Change(Type::kDemote, 4)}), "INVALID_ARGUMENT");
  EXPECT_EQ(Result(c, {Change(Type::kRemove, 9)}), "NOT_FOUND");
  EXPECT_EQ(Result(c, {Change(Type::kAddLearner, 0)}), "INVALID_ARGUMENT");
  EXPECT_EQ(Result(c, {Change(Type::kRemove, 1), Change(Type::kAddVoter, 1)}), "INVALID_ARGUMENT");
  EXPECT_EQ(Result(MakeConfiguration({1}), {Change(Type::kRemove, 1)}), "INVALID_ARGUMENT");
}

TEST(ConfigChange, ARemovedIdNeverComesBack) {
  const auto without = Apply(MakeConfiguration({1, 2, 3}), {Change(Type::kRemove, 3)});
  EXPECT_EQ(Result(*without, {Change(Type::kAddLearner, 3)}), "ALREADY_EXISTS");
}

TEST(ConfigChange, NothingIsChangedWhileJoint) {
  const auto joint = Apply(MakeConfiguration({1, 2, 3}), {Change(Type::kDemote, 3)});
  EXPECT_EQ(Result(*joint, {Change(Type::kAddLearner, 4)}), "FAILED_PRECONDITION");
}

TEST(ConfigChange, AKnownIncarnationNeverChanges) {
  ConfChange set{.type = Type::kSetIncarnation, .node = NodeId(1), .info = {.incarnation = 5}};
  const auto known = Apply(MakeConfiguration({1}), {set});
  ASSERT_TRUE(known.ok());
  EXPECT_EQ(known->IncarnationOf(NodeId(1)), 5u);
  EXPECT_TRUE(Apply(*known, {set}).ok());
  set.info.incarnation = 6;
  EXPECT_TRUE(absl::IsInvalidArgument(Apply(*known, {set}).status()));
  ConfChange update{.type = Type::kUpdateMember, .node = NodeId(1), .info = {.name = "n"}};
  EXPECT_EQ(Apply(*known, {update})->IncarnationOf(NodeId(1)), 5u);
  EXPECT_EQ(Apply(*known, {update})->members.at(NodeId(1)).name, "n");
}

TEST(ConfigChange, AnyTwoQuorumsOfAStepOverlap) {
  std::mt19937 random(1);
  const auto subsets_overlap = [](const Configuration& a, const Configuration& b) {
    // Two disjoint quorums exist iff some set and its complement both hold one.
    const auto wins = [](const Configuration& c, uint32_t mask) {
      const auto majority = [&](const NodeSet& set) {
        size_t n = 0;
        for (NodeId id : set) n += mask >> id.value() & 1;
        return set.empty() || n > set.size() / 2;
      };
      return majority(c.voters) && majority(c.outgoing);
    };
    for (uint32_t mask = 0; mask < 512; ++mask) {
      if (wins(a, mask) && wins(b, ~mask)) return false;
    }
    return true;
  };
  Configuration current = MakeConfiguration({1, 2, 3});
  int steps = 0;
  for (int i = 0; i < 3000; ++i) {
    std::vector<ConfChange> changes;
    for (uint32_t n = 1 + random() % 3; n > 0; --n) {
      changes.push_back(Change(static_cast<Type>(random() % 5), 1 + random() % 8));
    }
    absl::StatusOr<Configuration> next = Apply(current, changes);
    if (!next.ok()) continue;
    next->removed.clear();  // so that the walk can go on
    ASSERT_TRUE(subsets_overlap(current, *next)) << Describe(current) << " -> " << Describe(*next);
    ASSERT_EQ(DecodeConfiguration(EncodeConfiguration(*next)).value(), *next);
    if (next->IsJoint()) {
      Configuration left = LeaveJoint(*next);
      ASSERT_TRUE(subsets_overlap(*next, left)) << Describe(*next) << " -> " << Describe(left);
      left.removed.clear();
      next = left;
    }
    current = *next;
    ++steps;
  }
  EXPECT_GT(steps, 300);
}

Configuration Rich() {
  Configuration c = MakeConfiguration({1, 2, 300}, {4});
  c.members[NodeId(1)] = {.incarnation = 0x1122334455667788,
                          .name = "one",
                          .peer_urls = {"http://a:2380", "http://b:2380"},
                          .client_urls = {"http://a:2379"}};
  c.removed = {NodeId(7), NodeId(1ull << 60)};
  return c;
}

TEST(ConfigCodec, WhatIsWrittenIsRead) {
  for (const Configuration& c : {Configuration(), MakeConfiguration({1}), Rich()}) {
    EXPECT_EQ(DecodeConfiguration(EncodeConfiguration(c)).value(), c);
  }
}

TEST(ConfigCodec, EveryShorteningIsRefused) {
  const std::string bytes = EncodeConfiguration(Rich());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeConfiguration(std::string_view(bytes).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(DecodeConfiguration(bytes + '\0').ok());
}

TEST(ConfigCodec, AnyByteMayBeWrongWithoutHarm) {
  const std::string bytes = EncodeConfiguration(Rich());
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string wrong = bytes;
      wrong[i] = static_cast<char>(wrong[i] ^ (1 << bit));
      const auto decoded = DecodeConfiguration(wrong);
      if (!decoded.ok()) continue;
      EXPECT_EQ(EncodeConfiguration(*decoded), wrong) << "two forms of one value";
    }
  }
}

TEST(ConfigCodec, ALaterVersionIsToldFromDamage) {
  std::string bytes = EncodeConfiguration(Rich());
  bytes[0] = 2;
  EXPECT_TRUE(absl::IsUnimplemented(DecodeConfiguration(bytes).status()));
  bytes[0] = 1;
  bytes[1] = 2;
  EXPECT_TRUE(absl::IsDataLoss(DecodeConfiguration(bytes).status()));
}

}  // namespace
}  // namespace keelson::raft::testing
