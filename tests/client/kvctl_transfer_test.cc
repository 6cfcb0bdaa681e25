// The text that export writes and import reads; the quantiles of a load.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "client/kvctl/load.h"
#include "client/kvctl/transfer.h"

namespace keelson::kvctl {
namespace {

absl::StatusOr<std::vector<client::KeyValue>> Read(const std::string& text) {
  std::vector<client::KeyValue> pairs;
  const absl::Status status = ReadExport(text, [&](client::KeyValue pair) {
    pairs.push_back(std::move(pair));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return pairs;
}

TEST(ExportTest, AnyBytesComeBackFromLinesAndFromADocument) {
  const client::KeyValue odd{.key = std::string("\0\xff\n", 3), .value = "\"", .lease = 16};
  const client::KeyValue plain{.key = "a", .value = ""};
  const ExportHeader header{.revision = 7, .count = 2};
  const std::string lines =
      absl::StrCat(ToJson(header, false), "\n", PairToJson(odd), "\n", PairToJson(plain), "\n");
  const std::string document =
      absl::StrCat(ToJson(header, true), "\n", PairToJson(odd), ",\n", PairToJson(plain), "\n]}\n");
  for (const std::string& text : {lines, document}) {
    const auto pairs = Read(text);
    ASSERT_TRUE(pairs.ok()) << pairs.status();
    ASSERT_EQ(pairs->size(), 2u);
    EXPECT_EQ((*pairs)[0].key, odd.key);
    EXPECT_EQ((*pairs)[0].value, odd.value);
    EXPECT_EQ((*pairs)[0].lease, 16);
    EXPECT_EQ((*pairs)[1].key, "a");
  }
}

TEST(ExportTest, WhatGetPrintsIsReadToo) {
  const auto pairs = Read(
      R"({"header":{"revision":7},"kvs":[{"key":"YQ==","value":"MQ==","lease":"16"}],"count":1})");
  ASSERT_TRUE(pairs.ok()) << pairs.status();
  ASSERT_EQ(pairs->size(), 1u);
  EXPECT_EQ((*pairs)[0].lease, 16);
  EXPECT_EQ(Read(R"({"header":{"revision":7}})")->size(), 0u);
  EXPECT_EQ(Read("")->size(), 0u);
}

TEST(ExportTest, WhatIsCutOffOrMalformedIsRefused) {
  const std::string header = ToJson({.revision = 7, .count = 2}, false);
  for (const std::string& text :
       {header + "\n{\"key\":\"YQ==\"}\n", std::string("{\"key\":\"?\"}"),
        std::string("{\"value\":\"YQ==\"}"), std::string("{\"key\":\"\"}"),
        std::string("{\"key\":\"YQ==\",\"lease\":\"x\"}"), std::string("{\"format\":\"other\"}"),
        std::string("{\"key\":\"YQ==\""), std::string("key")}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Read(text).status())) << text;
  }
}

TEST(LoadTest, QuantilesAndTheDeviationAreOfWhatWasDone) {
  LoadResult result{.took = absl::Seconds(2), .latencies = {}};
  EXPECT_EQ(result.Quantile(0.5), absl::ZeroDuration());
  for (int i = 1; i <= 4; ++i) result.latencies.push_back(absl::Milliseconds(i * 10));
  EXPECT_EQ(result.Rate(), 2);
  EXPECT_EQ(result.Quantile(0.5), absl::Milliseconds(20));
  EXPECT_EQ(result.Quantile(0.51), absl::Milliseconds(30));
  EXPECT_EQ(result.Quantile(1), absl::Milliseconds(40));
  EXPECT_NEAR(absl::ToDoubleMilliseconds(result.StandardDeviation()), 11.18, 0.01);
}

}  // namespace
}  // namespace keelson::kvctl
