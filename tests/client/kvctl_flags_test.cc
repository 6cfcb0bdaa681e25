#include <gtest/gtest.h>

#include "client/kvctl/flags.h"

namespace keelson::kvctl {
namespace {

using Kind = FlagSpec::Kind;
using Words = std::vector<std::string>;

std::vector<FlagSpec> Specs() {
  return {{.name = "prefix", .fallback = "false"},
          {.name = "limit", .kind = Kind::kInt, .short_name = "l"},
          {.name = "output",
           .kind = Kind::kString,
           .short_name = "o",
           .aliases = {"write-out", "w"},
           .choices = {"json", "simple"}},
          {.name = "timeout", .kind = Kind::kDuration, .fallback = "5s"},
          {.name = "endpoints", .kind = Kind::kList, .fallback = "one:1"},
          {.name = "also", .kind = Kind::kWords}};
}

ParsedFlags Parse(const Words& words) {
  auto parsed = ParseFlags(Specs(), words);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return *std::move(parsed);
}

std::string Failure(const Words& words) {
  return std::string(ParseFlags(Specs(), words).status().message());
}

TEST(FlagsTest, FlagsMixWithArgumentsInEverySpelling) {
  const ParsedFlags flags =
      Parse({"a", "--limit=3", "b", "-o", "json", "-prefix", "c", "--timeout", "250ms"});
  EXPECT_EQ(flags.arguments(), (Words{"a", "b", "c"}));
  EXPECT_EQ(flags.Int("limit"), 3);
  EXPECT_EQ(flags.String("output"), "json");
  EXPECT_TRUE(flags.Bool("prefix"));
  EXPECT_EQ(flags.Duration("timeout"), absl::Milliseconds(250));
}

TEST(FlagsTest, WhatIsNotGivenHasItsFallback) {
  const ParsedFlags flags = Parse({});
  EXPECT_FALSE(flags.Bool("prefix"));
  EXPECT_FALSE(flags.Given("limit"));
  EXPECT_EQ(flags.Int("limit"), 0);
  EXPECT_EQ(flags.Duration("timeout"), absl::Seconds(5));
  EXPECT_EQ(flags.List("endpoints"), (Words{"one:1"}));
  EXPECT_TRUE(flags.List("also").empty());
}

TEST(FlagsTest, ABoolNeverTakesTheNextWord) {
  const ParsedFlags flags = Parse({"--prefix", "false"});
  EXPECT_TRUE(flags.Bool("prefix"));
  EXPECT_EQ(flags.arguments(), (Words{"false"}));
  EXPECT_FALSE(Parse({"--prefix=false"}).Bool("prefix"));
}

TEST(FlagsTest, AfterTwoDashesEverythingIsAnArgument) {
  EXPECT_EQ(Parse({"put", "--", "-7", "--prefix"}).arguments(), (Words{"put", "-7", "--prefix"}));
  EXPECT_EQ(Parse({"-"}).arguments(), (Words{"-"}));
}

TEST(FlagsTest, AliasesAreTheSameFlag) {
  EXPECT_EQ(Parse({"--write-out=json"}).String("output"), "json");
  EXPECT_EQ(Parse({"-w", "simple"}).String("output"), "simple");
}

TEST(FlagsTest, ListsSplitAtCommasAndWordsDoNot) {
  const ParsedFlags flags =
      Parse({"--endpoints=a:1,b:2", "--endpoints", "c:3", "--also=x,y", "--also=z"});
  EXPECT_EQ(flags.List("endpoints"), (Words{"a:1", "b:2", "c:3"}));
  EXPECT_EQ(flags.List("also"), (Words{"x,y", "z"}));
}

TEST(FlagsTest, FailuresNameTheFlagAndWhatToGive) {
  EXPECT_EQ(Failure({"--limit=x"}), "--limit=x: give a number");
  EXPECT_EQ(Failure({"--timeout=5"}), "--timeout=5: give a time such as 5s, 1m30s or 250ms");
  EXPECT_EQ(Failure({"--output=yaml"}), "--output=yaml: give one of json, simple");
  EXPECT_EQ(Failure({"--limit"}), "--limit needs a value");
  EXPECT_EQ(Failure({"--prefix=yes"}), "--prefix=yes: give true or false");
  EXPECT_EQ(Failure({"--perfix"}), "unknown flag --perfix; did you mean --prefix?");
  EXPECT_EQ(Failure({"-7"}),
            "unknown flag -7 (a word that begins with - and is no flag goes after --)");
}

TEST(FlagsTest, TheFirstArgumentIsFoundBehindFlagsWithValues) {
  EXPECT_EQ(FirstArgument(Specs(), {"--endpoints", "a:1", "-w=json", "get", "k"}), 3u);
  EXPECT_EQ(FirstArgument(Specs(), {"--prefix", "get"}), 1u);
  EXPECT_EQ(FirstArgument(Specs(), {"--limit"}), 1u);
  EXPECT_EQ(FirstArgument(Specs(), {}), 0u);
}

TEST(FlagsTest, AShortFlagMayHaveItsValueBehindIt) {
  EXPECT_EQ(Parse({"-wjson"}).String("output"), "json");
  EXPECT_EQ(Failure({"-xjson"}),
            "unknown flag -xjson (a word that begins with - and is no flag goes after --)");
}

TEST(FlagsTest, FlagsOfEtcdctlAreTakenOrRefusedWithoutTheirValue) {
  const std::vector<FlagSpec> specs = {TakenFlag("debug", FlagSpec::Kind::kBool, "false"),
                                       RefusedFlag("password", "no passwords here"),
                                       RefusedFlag("insecure", "no TLS here", "true")};
  EXPECT_TRUE(ParseFlags(specs, {"--debug", "--password=", "--insecure", "--insecure=true"}).ok());
  EXPECT_EQ(ParseFlags(specs, {"--password", "s3"}).status().message(),
            "--password: no passwords here");
  EXPECT_EQ(ParseFlags(specs, {"--insecure=false"}).status().message(), "--insecure: no TLS here");
  EXPECT_EQ(ParseFlags(specs, {"--passwort"}).status().message(),
            "unknown flag --passwort (a word that begins with - and is no flag goes after --)");
}

TEST(NearestTest, OnlyWhatIsCloseIsOffered) {
  EXPECT_EQ(Nearest("key", {"rev", "hex"}), "");
  EXPECT_EQ(Nearest("gte", {"get", "put"}), "get");
  EXPECT_EQ(Nearest("lease gran", {"lease grant", "lease list"}), "lease grant");
  EXPECT_EQ(Nearest("frobnicate", {"get", "put"}), "");
}

TEST(KvctlFlagsTest, AProgramFollowsTheDashes) {
  const std::vector<FlagSpec> specs = {{.name = "x", .fallback = "false"}};
  const auto split = [&](const std::vector<std::string>& words) {
    ParsedFlags flags = *ParseFlags(specs, words);
    const auto program = flags.TakeProgram();
    return std::make_pair(flags.arguments(), program.ok() ? *program : Words{"(none follows)"});
  };
  EXPECT_EQ(split({"key", "--x", "--", "echo", "-n"}),
            std::make_pair(Words{"key"}, Words{"echo", "-n"}));
  EXPECT_EQ(split({"--", "-key", "--", "echo"}), std::make_pair(Words{"-key"}, Words{"echo"}));
  EXPECT_EQ(split({"--", "-key"}), std::make_pair(Words{"-key"}, Words{}));
  EXPECT_EQ(split({"key", "--"}), std::make_pair(Words{"key"}, Words{"(none follows)"}));
  EXPECT_EQ(split({"--", "-key", "--"}), std::make_pair(Words{"-key"}, Words{"(none follows)"}));
  EXPECT_EQ(split({"key"}), std::make_pair(Words{"key"}, Words{}));
  EXPECT_EQ(split({"a", "--", "b", "--", "c"}), std::make_pair(Words{"a"}, Words{"b", "--", "c"}));
}

}  // namespace
}  // namespace keelson::kvctl
