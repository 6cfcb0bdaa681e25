// Conditions: every target, missing keys, ranges, operands that don't fit.
#include "server/apply/compare.h"

#include <gtest/gtest.h>

#include "storage/mvcc/apply_batch.h"
#include "tests/apply/requests.h"
#include "tests/apply/state_machine.h"

namespace keelson::server {
namespace {

using etcdserverpb::Compare;

storage::KeyValue Pair() {
  return {
      .key = "k", .value = "m", .create_revision = 5, .mod_revision = 7, .version = 3, .lease = 9};
}

Compare With(Compare::CompareTarget target) {
  Compare compare;
  compare.set_key("k");
  compare.set_target(target);
  return compare;
}

// Which of the four results hold: "=", "!", ">", "<".
std::string Holding(Compare compare, const storage::KeyValue* kv) {
  std::string holding;
  const std::pair<Compare::CompareResult, char> results[] = {{Compare::EQUAL, '='},
                                                             {Compare::NOT_EQUAL, '!'},
                                                             {Compare::GREATER, '>'},
                                                             {Compare::LESS, '<'}};
  for (const auto& [result, sign] : results) {
    compare.set_result(result);
    if (HoldsFor(compare, kv)) holding += sign;
  }
  return holding;
}

TEST(CompareTest, EachTargetComparesItsOwnField) {
  const storage::KeyValue pair = Pair();
  Compare version = With(Compare::VERSION), create = With(Compare::CREATE),
          mod = With(Compare::MOD), lease = With(Compare::LEASE), value = With(Compare::VALUE);
  version.set_version(3);
  create.set_create_revision(4);
  mod.set_mod_revision(8);
  lease.set_lease(9);
  value.set_value("l");
  EXPECT_EQ(Holding(version, &pair), "=");
  EXPECT_EQ(Holding(create, &pair), "!>");
  EXPECT_EQ(Holding(mod, &pair), "!<");
  EXPECT_EQ(Holding(lease, &pair), "=");
  EXPECT_EQ(Holding(value, &pair), "!>");
}

TEST(CompareTest, ValuesCompareAsUnsignedBytes) {
  storage::KeyValue pair = Pair();
  pair.value = "\xff";
  Compare value = With(Compare::VALUE);
  value.set_value("a");
  EXPECT_EQ(Holding(value, &pair), "!>");
  pair.value = "";
  EXPECT_EQ(Holding(value, &pair), "!<");
  value.set_value("");
  EXPECT_EQ(Holding(value, &pair), "=");
}

TEST(CompareTest, AMissingKeyCountsAsZeroesButHasNoValue) {
  Compare version = With(Compare::VERSION);
  EXPECT_EQ(Holding(version, nullptr), "=");
  version.set_version(1);
  EXPECT_EQ(Holding(version, nullptr), "!<");
  Compare value = With(Compare::VALUE);
  value.set_value("");
  EXPECT_EQ(Holding(value, nullptr), "") << "not even NOT_EQUAL";
}

TEST(CompareTest, AnOperandThatDoesNotFitTheTargetCountsAsZeroOrEmpty) {
  const storage::KeyValue pair = Pair();
  Compare mod = With(Compare::MOD);
  mod.set_version(7);
  EXPECT_EQ(Holding(mod, &pair), "!>");
  Compare value = With(Compare::VALUE);
  value.set_version(7);
  EXPECT_EQ(Holding(value, &pair), "!>");
}

TEST(CompareTest, ARangeHoldsIfEveryKeyInItDoes) {
  StateMachine machine;
  machine.Apply(Put("a"));
  machine.Apply(Put("b"));
  machine.Apply(Put("b"));
  auto batch = machine.store().NewBatch();
  Compare compare = VersionIs("a", 0, Compare::GREATER);
  compare.set_range_end("c");
  EXPECT_TRUE(*Holds(compare, *batch));
  compare.set_version(1);
  EXPECT_FALSE(*Holds(compare, *batch)) << "a has version 1";
  compare.set_range_end(std::string(1, '\0'));
  compare.set_key("b");
  EXPECT_TRUE(*Holds(compare, *batch));
}

TEST(CompareTest, AnEmptyRangeIsAMissingKey) {
  StateMachine machine;
  machine.Apply(Put("x"));
  auto batch = machine.store().NewBatch();
  Compare compare = VersionIs("a", 0);
  compare.set_range_end("c");
  EXPECT_TRUE(*Holds(compare, *batch));
  compare.set_key("z");  // reversed
  EXPECT_TRUE(*Holds(compare, *batch));
  compare.set_target(Compare::VALUE);
  compare.set_value("");
  EXPECT_FALSE(*Holds(compare, *batch));
}

}  // namespace
}  // namespace keelson::server
