#include <gtest/gtest.h>

#include <sstream>

#include "client/kvctl/txn_text.h"

namespace keelson::kvctl {
namespace {

using client::Compare;
using client::Op;

absl::StatusOr<client::Txn> Read(const std::string& text) {
  std::istringstream in(text);
  return ReadTxn(in, nullptr);
}

TEST(TxnTextTest, ComparisonsTakeAllTargetsAndRelations) {
  const auto mod = ParseCompare(R"(mod("key1") > "7")");
  ASSERT_TRUE(mod.ok()) << mod.status();
  EXPECT_EQ(mod->target(), Compare::Target::kModRevision);
  EXPECT_EQ(mod->relation(), Compare::Relation::kGreater);
  EXPECT_EQ(mod->range(), client::KeyRange::Key("key1"));
  EXPECT_EQ(mod->number(), 7);
  EXPECT_EQ(ParseCompare(R"(c("k")="0")")->target(), Compare::Target::kCreateRevision);
  EXPECT_EQ(ParseCompare(R"(version("k") < "2")")->relation(), Compare::Relation::kLess);
  EXPECT_EQ(ParseCompare(R"(val("k") != "a \"b\"")")->value(), "a \"b\"");
  EXPECT_EQ(ParseCompare(R"(lease("k") = "ff")")->number(), 255);
}

TEST(TxnTextTest, MalformedComparisonsAreRefused) {
  for (const char* line :
       {"", "mod", "mod(\"k\")", "mod(k) = \"0\"", "mod(\"k\" = \"0\"", "mod(\"k\") ~ \"0\"",
        "mod(\"k\") = 0", "mod(\"k\") = \"x\"", "size(\"k\") = \"0\"", "mod(\"k\") = \"0\" x"}) {
    EXPECT_FALSE(ParseCompare(line).ok()) << line;
  }
}

TEST(TxnTextTest, OperationsTakeTheFlagsOfTheirCommands) {
  const auto get = ParseOp("get /a --prefix --limit 3 --order descend");
  ASSERT_TRUE(get.ok()) << get.status();
  const auto& get_op = std::get<Op::GetOp>(get->form());
  EXPECT_EQ(get_op.range, client::KeyRange::Prefix("/a"));
  EXPECT_EQ(get_op.options.limit, 3);
  EXPECT_EQ(get_op.options.order, client::SortOrder::kDescending);
  const auto put = ParseOp("put k 'a value' --lease=ff");
  EXPECT_EQ(std::get<Op::PutOp>(put->form()).value, "a value");
  EXPECT_EQ(std::get<Op::PutOp>(put->form()).options.lease, 255);
  const auto del = ParseOp("del a b --prev-kv");
  EXPECT_EQ(std::get<Op::DeleteOp>(del->form()).range, client::KeyRange::Between("a", "b"));
}

TEST(TxnTextTest, MalformedOperationsAreRefused) {
  for (const char* line :
       {"", "frob k", "get", "put k", "del", "get k --nope", "get a b --prefix"}) {
    EXPECT_FALSE(ParseOp(line).ok()) << line;
  }
}

TEST(TxnTextTest, EmptyLinesSeparateTheBlocks) {
  const auto txn =
      Read("mod(\"k\") = \"0\"\nversion(\"k\") = \"0\"\n\nput k v\nget k\n\ndel k\n\n");
  ASSERT_TRUE(txn.ok()) << txn.status();
  EXPECT_EQ(txn->compares().size(), 2u);
  EXPECT_EQ(txn->then_ops().size(), 2u);
  EXPECT_EQ(txn->else_ops().size(), 1u);
}

TEST(TxnTextTest, TheEndOfTheInputEndsTheLastBlocks) {
  const auto txn = Read("\nput k v");
  ASSERT_TRUE(txn.ok()) << txn.status();
  EXPECT_TRUE(txn->compares().empty());
  EXPECT_EQ(txn->then_ops().size(), 1u);
  EXPECT_TRUE(Read("")->then_ops().empty());
}

TEST(TxnTextTest, APersonWhoEndsTheInputEarlyGivesUp) {
  for (const char* text : {"", "mod(\"k\") = \"0\"\n", "\nput k v\n", "\nput k v\n\n"}) {
    std::istringstream in(text);
    std::ostringstream prompts;
    EXPECT_EQ(ReadTxn(in, &prompts).status().message(),
              "given up: an empty line ends each block; nothing was sent")
        << text;
  }
}

TEST(TxnTextTest, MissingQuotesAreNamed) {
  EXPECT_EQ(ParseCompare("version(k) = 1").status().message(), "double quotes are missing: k) = 1");
  EXPECT_EQ(ParseCompare("version(\"k").status().message(), "no closing quote in: \"k");
}

TEST(TxnTextTest, AFailureNamesTheLine) {
  EXPECT_EQ(Read("mod(\"k\") = \"0\"\n\nput k v\nfrob\n").status().message(),
            "line 4 (frob): \"frob\" is no operation; give get, put or del");
}

TEST(TxnTextTest, PromptsSayWhatIsExpected) {
  std::istringstream in("\n\n\n");
  std::ostringstream prompts;
  ASSERT_TRUE(ReadTxn(in, &prompts).ok());
  EXPECT_EQ(prompts.str(),
            "compares:\nsuccess requests (get, put, del):\nfailure requests (get, put, del):\n");
}

}  // namespace
}  // namespace keelson::kvctl
