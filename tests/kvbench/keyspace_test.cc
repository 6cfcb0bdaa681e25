#include "bench/kvbench/keyspace.h"

#include <gtest/gtest.h>

#include <set>

namespace keelson::kvbench {
namespace {

TEST(KeySpaceTest, KeysHaveTheAskedSizeAndTheirNumber) {
  KeySpace keys({.prefix = "p/", .keys = 1000, .key_size = 12}, 1, 0, 1);
  EXPECT_EQ(keys.Key(7), "p/0000000007");
  EXPECT_EQ(keys.Key(999), "p/0000000999");
}

TEST(KeySpaceTest, AKeySizeTooSmallForTheNumbersIsRaised) {
  KeySpace keys({.prefix = "p/", .keys = 1000, .key_size = 3}, 1, 0, 1);
  EXPECT_EQ(keys.Key(999), "p/999");
  EXPECT_EQ(keys.Key(1), "p/001");
}

TEST(KeySpaceTest, SequentialWorkersCoverEveryKeyOnce) {
  std::set<uint64_t> seen;
  for (uint64_t worker = 0; worker < 3; ++worker) {
    KeySpace keys({.keys = 30, .sequential = true}, 1, worker, 3);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(seen.insert(keys.NextIndex()).second);
  }
  EXPECT_EQ(seen.size(), 30u);
}

TEST(KeySpaceTest, TheSameSeedChoosesTheSameKeys) {
  KeySpace first({.keys = 1'000'000}, 5, 0, 1);
  KeySpace second({.keys = 1'000'000}, 5, 0, 1);
  KeySpace other({.keys = 1'000'000}, 6, 0, 1);
  int differences = 0;
  for (int i = 0; i < 100; ++i) {
    const uint64_t index = first.NextIndex();
    EXPECT_LT(index, 1'000'000u);
    EXPECT_EQ(second.NextIndex(), index);
    differences += other.NextIndex() != index ? 1 : 0;
  }
  EXPECT_GT(differences, 90);
}

TEST(ValueSourceTest, ValuesHaveTheirSizeAndDiffer) {
  ValueSource values(256, 3);
  const std::string first(values.Next());
  const std::string second(values.Next());
  EXPECT_EQ(first.size(), 256u);
  EXPECT_EQ(second.size(), 256u);
  EXPECT_NE(first, second);
}

TEST(ValueSourceTest, AStampComesBack) {
  ValueSource values(20, 3);
  EXPECT_EQ(StampOf(values.NextStamped(123456789012345)), 123456789012345);
  EXPECT_EQ(StampOf("short"), 0);
}

}  // namespace
}  // namespace keelson::kvbench
