#include <gtest/gtest.h>

#include <sstream>

#include "client/kvctl/json.h"
#include "client/kvctl/table.h"
#include "client/kvctl/text.h"

namespace keelson::kvctl {
namespace {

using Words = std::vector<std::string>;

TEST(SplitWordsTest, QuotesKeepBlanksAndDoubleOnesTakeEscapes) {
  EXPECT_EQ(*SplitWords("put key  value"), (Words{"put", "key", "value"}));
  EXPECT_EQ(*SplitWords(R"(put "a b" 'c "d"' "e\"\x41\n")"),
            (Words{"put", "a b", "c \"d\"", "e\"A\n"}));
  EXPECT_EQ(*SplitWords("put \"\" ''"), (Words{"put", "", ""}));
  EXPECT_TRUE(SplitWords("   ")->empty());
}

TEST(SplitWordsTest, AnOpenQuoteIsAnError) {
  EXPECT_FALSE(SplitWords("put \"a").ok());
  EXPECT_FALSE(SplitWords("put 'a").ok());
  EXPECT_FALSE(SplitWords("put \"a\\").ok());
  EXPECT_FALSE(SplitWords("put \"\\q\"").ok());
}

TEST(TextTest, IdsAreHexadecimal) {
  EXPECT_EQ(HexId(0x694d77aa9e38260f), "694d77aa9e38260f");
  EXPECT_EQ(LeaseText(0x94d77aa9e38260f), "094d77aa9e38260f");
  EXPECT_EQ(*ParseLeaseId("694d77aa9e38260f"), 0x694d77aa9e38260f);
  EXPECT_EQ(*ParseLeaseId("A"), 10);
  EXPECT_EQ(*ParseMemberId("8e9e05c52164694d"), 0x8e9e05c52164694d);
  for (const char* text : {"", "0x10", "xyz", "-1", "694d77aa9e38260f0"}) {
    EXPECT_FALSE(ParseLeaseId(text).ok()) << text;
    EXPECT_FALSE(ParseMemberId(text).ok()) << text;
  }
}

TEST(TextTest, BytesTimesAndQuotesReadWell) {
  EXPECT_EQ(HumanBytes(999), "999 B");
  EXPECT_EQ(HumanBytes(20480), "20 kB");
  EXPECT_EQ(HumanBytes(2147483648), "2.1 GB");
  EXPECT_EQ(HumanDuration(absl::Nanoseconds(1402638)), "1.402ms");
  EXPECT_EQ(HexBytes("fo\x01"), "\\x66\\x6f\\x01");
  EXPECT_EQ(Quoted("a\"b\n\xff\xc3\xa9"), "\"a\\\"b\\n\\xff\xc3\xa9\"");
}

TEST(JsonTest, StringsAreEscapedAndNeverInvalid) {
  EXPECT_EQ(JsonString("a\"b\\c\n\x01"), "\"a\\\"b\\\\c\\n\\u0001\"");
  EXPECT_EQ(JsonString("\xc3\xa9"), "\"\xc3\xa9\"");
  EXPECT_EQ(JsonString("a\xff"), "\"a\xef\xbf\xbd\"");
  EXPECT_EQ(JsonString("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST(JsonTest, ObjectsKeepTheOrderAndLeaveOutWhatIsEmpty) {
  EXPECT_EQ(JsonObject().Int("b", -1).SomeInt("z", 0).SomeBytes("a", "foo").Done(),
            R"({"b":-1,"a":"Zm9v"})");
  EXPECT_EQ(JsonObject().Uint("m", 18446744073709551615u).Bool("t", false).Done(),
            R"({"m":18446744073709551615,"t":false})");
  EXPECT_EQ(JsonObject().Done(), "{}");
  EXPECT_EQ(JsonArray().Raw("1").Raw("{}").Done(), "[1,{}]");
}

TEST(TableTest, ColumnsAreAlignedByWhatIsSeen) {
  Table table({"A", "LONG NAME", "C"});
  table.Row({"\xc3\xa9t\xc3\xa9", "x", ""});
  table.Row({"b", "y", "z"});
  std::ostringstream out;
  table.Print(/*colour=*/false, out);
  EXPECT_EQ(out.str(),
            "A    LONG NAME  C\n"
            "\xc3\xa9t\xc3\xa9  x\n"
            "b    y          z\n");
}

}  // namespace
}  // namespace keelson::kvctl
