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

// What an end of no byte, or of a zero byte, says on the wire is something else: one key, all keys.
TEST(KeyRangeTest, BetweenIsEmptyWhereItsEndIsNotBehindItsBegin) {
  for (const std::string& begin : {std::string(), kZero, std::string("k")}) {
    for (const std::string& end : {std::string(), kZero}) {
      const KeyRange range = KeyRange::Between(begin, end);
      EXPECT_FALSE(range.is_single_key());
      EXPECT_FALSE(range.begin().empty());
      EXPECT_NE(range.end(), kZero);
      EXPECT_LE(range.end(), range.begin());
    }
  }
  EXPECT_EQ(KeyRange::Between("", "k").begin(), kZero) << "an empty key is refused";
}

TEST(KeyRangeTest, TheEncodingOfTheApiIsTakenAsItIs) {
  EXPECT_EQ(KeyRange::Encoded("k", ""), KeyRange::Key("k"));
  EXPECT_EQ(KeyRange::Encoded("k", kZero), KeyRange::From("k"));
}

}  // namespace
}  // namespace keelson::client
