// The comparison's own parts: what it lets pass must be no more than is meant.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>

#include "tests/differential/exceptions.h"
#include "tests/differential/line_diff.h"
#include "tests/differential/normalise.h"
#include "tests/differential/tie_order.h"

namespace keelson::differential {
namespace {

using namespace etcdserverpb;

Answer Ranged(std::vector<std::pair<std::string, std::string>> pairs, bool more = false) {
  auto response = std::make_shared<RangeResponse>();
  for (const auto& [key, value] : pairs) {
    auto& kv = *response->add_kvs();
    kv.set_key(key);
    kv.set_value(value);
  }
  response->set_more(more);
  return {.message = response};
}

RangeRequest SortedBy(RangeRequest::SortTarget target) {
  RangeRequest request;
  request.set_sort_target(target);
  return request;
}

TEST(LineDiffTest, OnlyWhatDiffersIsShownWithItsSurroundings) {
  EXPECT_EQ(LineDiff("a\nb\n", "a\nb\n"), "");
  EXPECT_EQ(LineDiff("1\n2\n3\nold\n5\n6\n7\n8", "1\n2\n3\nnew\n5\n6\n7\n8"),
            "      2\n      3\n    - old\n    + new\n      5\n      6\n    ...\n");
}

TEST(TieOrderTest, EqualSortKeysMayComeInAnyOrder) {
  const Request request = SortedBy(RangeRequest::VALUE);
  EXPECT_TRUE(EqualButForTies(request, Ranged({{"a", "1"}, {"b", "1"}, {"c", "2"}}),
                              Ranged({{"b", "1"}, {"a", "1"}, {"c", "2"}})));
  EXPECT_FALSE(
      EqualButForTies(request, Ranged({{"a", "1"}, {"c", "2"}}), Ranged({{"c", "2"}, {"a", "1"}})));
  EXPECT_FALSE(
      EqualButForTies(request, Ranged({{"a", "1"}, {"b", "1"}}), Ranged({{"a", "1"}, {"x", "1"}})));
}

TEST(TieOrderTest, ALimitMayCutATieAnywhereButNotMore) {
  const Request request = SortedBy(RangeRequest::VALUE);
  EXPECT_TRUE(EqualButForTies(request, Ranged({{"a", "1"}, {"b", "2"}}, true),
                              Ranged({{"a", "1"}, {"c", "2"}}, true)));
  EXPECT_FALSE(EqualButForTies(request, Ranged({{"a", "1"}, {"b", "2"}}, true),
                               Ranged({{"x", "1"}, {"b", "2"}}, true)));
  EXPECT_FALSE(EqualButForTies(request, Ranged({{"a", "1"}, {"b", "2"}}, true),
                               Ranged({{"a", "1"}, {"c", "3"}}, true)));
}

TEST(TieOrderTest, KeysAreNeverTies) {
  const Request request = SortedBy(RangeRequest::KEY);
  EXPECT_FALSE(EqualButForTies(request, Ranged({{"a", "1"}}, true), Ranged({{"b", "1"}}, true)));
}

TEST(ExceptionsTest, AnUnexplainedDifferenceStaysOne) {
  const Request request = PutRequest();
  EXPECT_EQ(FindException({.request = &request,
                           .reference = {.code = 3, .error = "etcdserver: key is not provided"},
                           .subject = {.code = 3, .error = "etcdserver: key not found"}}),
            nullptr);
}

TEST(ExceptionsTest, AnUnknownSortMayBeRefusedOnlyWithItsOwnText) {
  RangeRequest range;
  range.set_sort_order(static_cast<RangeRequest::SortOrder>(7));
  const Request request = range;
  EXPECT_NE(FindException({.request = &request,
                           .reference = Ranged({}),
                           .subject = {.code = 3, .error = "etcdserver: invalid sort option"}}),
            nullptr);
  EXPECT_EQ(FindException({.request = &request,
                           .reference = Ranged({}),
                           .subject = {.code = 3, .error = "etcdserver: something"}}),
            nullptr);
}

TEST(ExceptionsTest, OnlyTheReferenceMayLoseADeleteAndOnlyTheOneAtTheCompaction) {
  const WatchScript script;
  const std::string without = "watch 0:\n    type: DELETE kv { key: \"b\" }\n";
  const std::string with = without + "    [delete at compaction] type: DELETE kv { key: \"a\" }\n";
  const auto found = [&script](const std::string& reference, const std::string& subject) {
    return FindException({.script = &script, .reference_text = reference, .subject_text = subject});
  };
  ASSERT_NE(found(without, with), nullptr);
  EXPECT_STREQ(found(without, with)->name, "delete-at-compaction");
  EXPECT_EQ(found(with, without), nullptr);
  EXPECT_EQ(found(without, with + "    type: PUT\n"), nullptr);
  EXPECT_EQ(found("watch 0:\n", without), nullptr);
}

// The names in backticks in the first column of the table.
std::set<std::string> NamesInArchitecture() {
  std::ifstream file("ARCHITECTURE.md");
  EXPECT_TRUE(file.is_open()) << "run from the root of the repository";
  std::set<std::string> names;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) inside = line.starts_with("## Exceptions");
    if (!inside || !line.starts_with("| `")) continue;
    const size_t end = line.find('`', 3);
    if (line.compare(end, 2, "`:") == 0) names.insert(line.substr(3, end - 3));
  }
  return names;
}

TEST(ExceptionsTest, EachIsARowOfArchitectureAndEachNamedRowIsAnException) {
  std::set<std::string> names;
  for (const Exception& exception : AllExceptions()) names.insert(exception.name);
  EXPECT_EQ(names, NamesInArchitecture());
}

TEST(NormaliseTest, OnlyIdsAndTermsAreLeftOut) {
  TxnResponse response;
  response.mutable_header()->set_cluster_id(1);
  response.mutable_header()->set_member_id(2);
  response.mutable_header()->set_raft_term(3);
  response.mutable_header()->set_revision(4);
  auto& range = *response.add_responses()->mutable_response_range();
  range.mutable_header()->set_revision(4);
  range.add_kvs()->set_lease(123456789);
  IdNames names;
  names.Add(900001, 123456789);
  Normalise(names, response);
  EXPECT_EQ(response.ShortDebugString(),
            "header { revision: 4 } responses { response_range { header { revision: 4 } "
            "kvs { lease: 900001 } } }");
}

TEST(NormaliseTest, ALeaseThatRemainsIsToldFromOneThatDoesNot) {
  LeaseTimeToLiveResponse alive;
  alive.set_ttl(3599);
  alive.set_grantedttl(3600);
  alive.add_keys("b");
  alive.add_keys("a");
  Normalise({}, alive);
  EXPECT_EQ(alive.ShortDebugString(), "TTL: 1 grantedTTL: 3600 keys: \"a\" keys: \"b\"");
  LeaseTimeToLiveResponse gone;
  gone.set_ttl(-1);
  Normalise({}, gone);
  EXPECT_EQ(gone.ttl(), -1);
}

}  // namespace
}  // namespace keelson::differential
