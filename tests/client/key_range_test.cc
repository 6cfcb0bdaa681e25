#include "client/keelson/key_range.h"

#include <gtest/gtest.h>

namespace keelson::client {
namespace {

const std::string kZero(1, '\0');

TEST(KeyRangeTest, APrefixEndsBeforeTheNextKeyThatLacksIt) {
  EXPECT_EQ(KeyRange::Prefix("ab").end(), "ac");
  EXPECT_EQ(KeyRange::Prefix("a\xff").end(), "b");
  EXPECT_EQ(PrefixEnd("a\xff\xff"), "b");
}

TEST(KeyRangeTest, APrefixOfHighestBytesHasNoUpperBound) {
  EXPECT_EQ(KeyRange::Prefix("\xff\xff").end(), kZero);
  EXPECT_EQ(PrefixEnd(""), kZero);
}

TEST(KeyRangeTest, AnEmptyPrefixAndAnEmptyStartMeanEverything) {
  EXPECT_EQ(KeyRange::Prefix(""), KeyRange::All());
  EXPECT_EQ(KeyRange::From(""), KeyRange::All());
  EXPECT_EQ(KeyRange::All().begin(), kZero);
}

TEST(KeyRangeTest, ASingleKeyHasNoEnd) {
  EXPECT_TRUE(KeyRange::Key("k").is_single_key());
  EXPECT_FALSE(KeyRange::From("k").is_single_key());
  EXPECT_EQ(KeyRange::Between("a", "c").end(), "c");
}

}  // namespace
}  // namespace keelson::client
