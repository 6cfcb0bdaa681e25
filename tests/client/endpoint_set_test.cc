#include "client/keelson/internal/endpoint_set.h"

#include <gtest/gtest.h>

namespace keelson::client::internal {
namespace {

constexpr Instant kNow = absl::Seconds(100);

TEST(ParseEndpointTest, TakesWhatPeopleWrite) {
  EXPECT_EQ(*ParseEndpoint("10.0.0.1:2379"), "10.0.0.1:2379");
  EXPECT_EQ(*ParseEndpoint("http://host:80"), "host:80");
  EXPECT_EQ(*ParseEndpoint("http://host:80/"), "host:80");
  EXPECT_EQ(*ParseEndpoint("[::1]:2379"), "[::1]:2379");
  EXPECT_EQ(*ParseEndpoint("unix:///run/kvd.sock"), "unix:/run/kvd.sock");
  EXPECT_EQ(*ParseEndpoint("unix:kvd.sock"), "unix:kvd.sock");
}

TEST(ParseEndpointTest, NamesWhatIsWrong) {
  for (const char* text : {"", "host", "host:", ":2379", "host:0", "host:65536", "host:x",
                           "https://host:2379", "http://host:2379/path", "unix:"}) {
    EXPECT_EQ(ParseEndpoint(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(EndpointSetTest, TheFirstIsUsedUntilItFails) {
  EndpointSet set({"a", "b", "c"});
  EXPECT_EQ(set.Pick({}, kNow), "a");
  set.Succeeded("a");
  EXPECT_EQ(set.Pick({}, kNow), "a");
  set.Failed("a", kNow);
  EXPECT_EQ(set.Pick({}, kNow), "b");
}

TEST(EndpointSetTest, TheChosenOneIsKeptWhenTheFirstIsBack) {
  EndpointSet set({"a", "b"});
  set.Failed("a", kNow);
  EXPECT_EQ(set.Pick({}, kNow), "b");
  EXPECT_EQ(set.Pick({}, kNow + absl::Hours(1)), "b");
}

TEST(EndpointSetTest, OneThatRestsIsTakenOnlyWhenAllDo) {
  EndpointSet set({"a", "b"});
  set.Failed("a", kNow);
  set.Failed("b", kNow + absl::Milliseconds(10));
  EXPECT_EQ(set.Pick({}, kNow + absl::Milliseconds(20)), "a");
}

TEST(EndpointSetTest, RestsGrowWithFailuresInARowAndEndWithASuccess) {
  EndpointSet set({"a", "b"});
  for (int i = 0; i < 5; ++i) set.Failed("a", kNow);
  set.Failed("b", kNow);
  EXPECT_EQ(set.Pick({}, kNow), "b");
  set.Failed("b", kNow + absl::Seconds(1));
  set.Succeeded("a");
  EXPECT_EQ(set.Pick({}, kNow + absl::Seconds(1)), "a");
}

TEST(EndpointSetTest, WhatIsToBeAvoidedIsTakenLast) {
  EndpointSet set({"a", "b", "c"});
  EXPECT_EQ(set.Pick({"a"}, kNow), "b");
  EXPECT_EQ(set.Pick({"a", "b"}, kNow), "c");
  EXPECT_EQ(set.Pick({"a", "b", "c"}, kNow), "c");
}

}  // namespace
}  // namespace keelson::client::internal
