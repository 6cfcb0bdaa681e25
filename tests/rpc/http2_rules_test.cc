#include "server/rpc/http2_rules.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace keelson::server {
namespace {

using Verdict = Http2Rules::Verdict;
using Fields = std::vector<std::pair<std::string, std::string>>;

const Fields kGood = {{":method", "POST"}, {":scheme", "http"}, {":path", "/a"}};

// What becomes of a good request with `more` behind it.
bool IsGood(const Fields& more, Fields fields = kGood) {
  fields.insert(fields.end(), more.begin(), more.end());
  Http2Rules rules;
  for (const auto& [name, value] : fields) {
    if (rules.OnField(name, value) == Verdict::kMalformed) return false;
  }
  return rules.IsComplete();
}

Verdict VerdictOn(const std::string& name, const std::string& value) {
  return Http2Rules().OnField(name, value);
}

TEST(Http2RulesTest, MethodSchemeAndPathAreNeededOnce) {
  EXPECT_TRUE(IsGood({}));
  for (size_t i = 0; i < kGood.size(); ++i) {
    Fields fields = kGood;
    fields.erase(fields.begin() + static_cast<ptrdiff_t>(i));
    EXPECT_FALSE(IsGood({}, fields)) << kGood[i].first;
    EXPECT_FALSE(IsGood({kGood[i]})) << kGood[i].first << " twice";
  }
  EXPECT_FALSE(IsGood({{":authority", "a"}, {":authority", "a"}}));
  EXPECT_FALSE(IsGood({{":status", "200"}}));
  EXPECT_FALSE(IsGood({{":method", ""}}, {{":scheme", "http"}, {":path", "/"}}));
  EXPECT_FALSE(IsGood({{":path", "a"}}, {{":scheme", "http"}, {":method", "GET"}}));
}

TEST(Http2RulesTest, PseudoFieldsComeFirst) {
  EXPECT_TRUE(IsGood({{":authority", "a"}, {"x", "y"}}));
  EXPECT_FALSE(IsGood({{"x", "y"}, {":authority", "a"}}));
}

TEST(Http2RulesTest, AnAuthorityMayBeAUrlOrEmpty) {
  for (const char* authority : {"h:1", "http://127.0.0.1:2379", "[::1]:2379", "unix:/a b", ""}) {
    EXPECT_TRUE(IsGood({{":authority", authority}})) << authority;
  }
  EXPECT_FALSE(IsGood({{":authority", "a\r\nb"}}));
}

TEST(Http2RulesTest, FieldsOfTheConnectionAndUpperCaseAreMalformed) {
  for (const char* name : {"connection", "keep-alive", "proxy-connection", "transfer-encoding",
                           "upgrade", "X", "aB"}) {
    EXPECT_EQ(VerdictOn(name, "x"), Verdict::kMalformed) << name;
    EXPECT_FALSE(Http2Rules::IsGoodTrailer(name)) << name;
  }
  EXPECT_EQ(VerdictOn("te", "trailers"), Verdict::kTake);
  EXPECT_EQ(VerdictOn("te", "gzip"), Verdict::kMalformed);
}

TEST(Http2RulesTest, FieldsThatCouldHurtOthersAreDropped) {
  for (const auto& [name, value] : Fields{{"a", std::string("x\0y", 3)},
                                          {"a", "x\r\ny"},
                                          {"a", "\x7f"},
                                          {"", "x"},
                                          {"a b", "x"},
                                          {"a:b", "x"},
                                          {"\xe4", "x"}}) {
    EXPECT_EQ(VerdictOn(name, value), Verdict::kDrop) << name;
  }
  EXPECT_EQ(VerdictOn("a-b_c.1", "x\ty \xff\xfe"), Verdict::kTake);
}

TEST(Http2RulesTest, TheBodyIsAsLongAsItsFieldSays) {
  Http2Rules rules;
  EXPECT_EQ(rules.OnField("content-length", "5"), Verdict::kTake);
  EXPECT_TRUE(rules.OnBody(3));
  EXPECT_FALSE(rules.OnEnd());
  EXPECT_TRUE(rules.OnBody(2));
  EXPECT_TRUE(rules.OnEnd());
  EXPECT_FALSE(rules.OnBody(1));
  Http2Rules free;
  EXPECT_TRUE(free.OnBody(1'000'000));
  EXPECT_TRUE(free.OnEnd());
}

TEST(Http2RulesTest, ALengthIsOneNumber) {
  for (const char* length : {"", "-1", "+1", "0x1", "1 ", "1,1", "1000000000000000000"}) {
    EXPECT_EQ(VerdictOn("content-length", length), Verdict::kMalformed) << length;
  }
  EXPECT_FALSE(IsGood({{"content-length", "1"}, {"content-length", "1"}}));
}

TEST(Http2RulesTest, TrailersAreFieldsOnly) {
  EXPECT_TRUE(Http2Rules::IsGoodTrailer("x"));
  EXPECT_FALSE(Http2Rules::IsGoodTrailer(":path"));
  EXPECT_FALSE(Http2Rules::IsGoodTrailer(""));
  EXPECT_FALSE(Http2Rules::IsGoodTrailer("content-length"));
}

}  // namespace
}  // namespace keelson::server
