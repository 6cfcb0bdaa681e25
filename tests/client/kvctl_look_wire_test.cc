// kvctl's commands that look at what is stored: tree, diff, history, and what a deletion would do.
#include <sstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/client/dns_server.h"
#include "tests/client/kvctl_wire_fixture.h"

namespace keelson::kvctl {
namespace {

class KvctlLookTest : public KvctlFixture {
 protected:
  std::string Base64(const std::string& name) const { return absl::Base64Escape(Key(name)); }
};

TEST_F(KvctlLookTest, ATreeCountsKeysAndSizes) {
  for (const char* name : {"a/x", "a/y", "b", "c/d/e"}) Put(name, "12345");
  const std::string size = std::to_string(4 * (Key("").size() + 5) + 3 + 3 + 1 + 5);
  const Ran tree = Kvctl("tree @ --no-sizes");
  EXPECT_EQ(tree.code, kOk) << tree.err;
  EXPECT_EQ(tree.out, absl::StrCat(Key(""), R"( (4 keys)
├── a/ (2 keys)
│   ├── x (1 key)
│   └── y (1 key)
├── b (1 key)
└── c/ (1 key)
    └── d/ (1 key)
        └── e (1 key)
)"));
  EXPECT_EQ(Kvctl("tree @ --depth 1").out.find(absl::StrCat(Key(""), " (4 keys, ", size, " B)")),
            0u);
  const Ran table = Kvctl("tree @ --depth 1 --no-sizes -o table");
  EXPECT_EQ(std::count(table.out.begin(), table.out.end(), '\n'), 5);
  const Ran json = Kvctl("tree @ --depth 1 -o json");
  EXPECT_NE(
      json.out.find(absl::StrCat("{\"prefix\":\"", Base64("a/"), "\",\"depth\":1,\"keys\":2")),
      std::string::npos)
      << json.out;
  EXPECT_EQ(Kvctl("tree @ --separator=").code, kUsage);
}

TEST_F(KvctlLookTest, ATreeOfManyKeysIsReadInPages) {
  for (int i = 0; i < 300; ++i) Put(absl::StrCat("k", i), "v");
  EXPECT_EQ(Kvctl("tree @ --separator k --no-sizes --depth 1").out,
            absl::StrCat(Key(""), " (300 keys)\n└── k (300 keys)\n"));
}

TEST_F(KvctlLookTest, ADiffShowsWhatIsNewChangedAndGone) {
  Put("gone", "1");
  Put("kept", "1");
  const int64_t from = Put("changed", "1");
  Put("changed", "2");
  Put("new", "1");
  const int64_t to = Delete("gone");
  Put("later", "1");
  const std::string both = absl::StrCat("diff @ --prefix --rev ", from, " --rev ", to);
  const Ran diff = Kvctl(both);
  EXPECT_EQ(diff.code, kOk) << diff.err;
  EXPECT_EQ(diff.out,
            absl::StrCat("~ ", Key("changed"), "\n- ", Key("gone"), "\n+ ", Key("new"), "\n"));
  EXPECT_NE(Kvctl(both + " --values").out.find("  < 1\n  > 2\n"), std::string::npos);
  EXPECT_NE(Kvctl(absl::StrCat("diff @ --prefix --rev ", from)).out.find("+ " + Key("later")),
            std::string::npos);
  const Ran json = Kvctl(both + " -o json --values");
  EXPECT_NE(json.out.find(
                absl::StrCat("{\"type\":\"deleted\",\"key\":\"", Base64("gone"), "\",\"from\":{")),
            std::string::npos)
      << json.out;
  EXPECT_EQ(Kvctl("diff @ --prefix --rev 0").code, kUsage);
  EXPECT_EQ(Kvctl("diff @ --prefix").code, kUsage);
  EXPECT_EQ(Kvctl("diff @ --prefix --rev 999999").code, kFailed);
}

TEST_F(KvctlLookTest, HistoryHasEachVersionAndDeletion) {
  const int64_t one = Put("a", "one");
  const int64_t two = Put("a", "two");
  const int64_t gone = Delete("a");
  const Ran deleted = Kvctl("history @a -o simple");
  EXPECT_EQ(deleted.code, kOk) << deleted.err;
  EXPECT_EQ(deleted.out, absl::StrCat(gone, " DELETE\n", two, " PUT two\n", one, " PUT one\n"));
  const int64_t again = Put("a", "again");
  EXPECT_EQ(Kvctl("history @a -o simple --limit 2").out,
            absl::StrCat(again, " PUT again\n", gone, " DELETE\n"));
  EXPECT_EQ(Kvctl("history @a").out.find("REVISION  CHANGE  VERSION"), 0u);
  EXPECT_EQ(Kvctl("history @nothing").code, kNotFound);
}

TEST_F(KvctlLookTest, HistoryBeginsAtTheCompaction) {
  Put("a", "one");
  const int64_t two = Put("a", "two");
  const int64_t other = Put("b", "x");
  const int64_t three = Put("a", "three");
  ASSERT_EQ(Kvctl(absl::StrCat("compact ", other)).code, kOk);
  const Ran history = Kvctl("history @a -o simple");
  EXPECT_EQ(history.out, absl::StrCat(three, " PUT three\n", two, " PUT two\n")) << history.err;
  EXPECT_NE(history.err.find(absl::StrCat("before revision ", other, " has been compacted")),
            std::string::npos);
}

TEST_F(KvctlLookTest, AGetTellsHowOldItIsIfThatIsAsked) {
  const int64_t revision = Put("a", "1");
  const Ran newest = Kvctl("get @a --stale-ok");
  EXPECT_EQ(newest.code, kOk) << newest.err;
  EXPECT_EQ(newest.out, absl::StrCat(Key("a"), "\n1\n"));
  EXPECT_NE(newest.err.find(absl::StrCat("the newest, of revision ", revision)), std::string::npos)
      << newest.err;
  EXPECT_EQ(Kvctl("get @a").err, "");
  const Ran aged = Kvctl("get @a --max-age 1m -o json");
  if (cluster_->member(0).config().binary.find("kvd") != std::string::npos) {
    EXPECT_EQ(aged.code, kOk) << aged.err;
    EXPECT_NE(aged.out.find(",\"freshness\":{\"age_ms\":"), std::string::npos) << aged.out;
    EXPECT_NE(aged.err.find(" old, of revision "), std::string::npos) << aged.err;
  } else {
    EXPECT_EQ(aged.code, kFailed);
  }
  EXPECT_EQ(Kvctl("get @a --max-age soon").code, kUsage);
}

TEST_F(KvctlLookTest, DnsLeadsToTheMembers) {
  Put("a", "1");
  const auto port = static_cast<uint16_t>(cluster_->member(0).config().client_port);
  const keelson::testing::DnsServer dns("_etcd-client._tcp.example.test",
                                        {{0, 0, port, "localhost"}});
  const Ran found = RunWith({"get", Key("a"), "--discovery-srv", "example.test"}, "",
                            {{"KVCTL_DISCOVERY_DNS", dns.address()}});
  EXPECT_EQ(found.code, kOk) << found.err;
  EXPECT_EQ(found.out, absl::StrCat(Key("a"), "\n1\n"));
}

TEST_F(KvctlLookTest, ADryRunDeletesNothing) {
  Put("a", "1");
  Put("b", "1");
  EXPECT_EQ(Kvctl("del @ --prefix --dry-run").out, "2\n");
  EXPECT_NE(Kvctl("del @ --prefix --dry-run -o json").out.find("\"would_delete\":2"),
            std::string::npos);
  EXPECT_EQ(Kvctl("get @ --prefix --count-only").out, "2\n");
}

TEST_F(KvctlLookTest, OnATerminalADeletionOfSeveralKeysIsConfirmed) {
  Put("a", "1");
  Put("b", "1");
  const auto at_a_terminal = [this](std::vector<std::string> words, const std::string& input) {
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    const Environment environment{.in = &in,
                                  .out = &out,
                                  .err = &err,
                                  .in_is_terminal = true,
                                  .err_is_terminal = true,
                                  .variables = {{"KVCTL_ENDPOINTS", cluster_->endpoints()[0]}}};
    const int code = keelson::kvctl::Run(words, environment);
    return Ran{code, out.str(), err.str()};
  };
  const Ran no = at_a_terminal({"del", Key(""), "--prefix"}, "\n");
  EXPECT_EQ(no.code, kFailed);
  EXPECT_EQ(no.err, "Delete 2 keys? [y/N] kvctl: nothing was deleted\n");
  EXPECT_EQ(at_a_terminal({"del", Key("a")}, "").out, "1\n");
  Put("a", "1");
  EXPECT_EQ(at_a_terminal({"del", Key(""), "--prefix"}, "y\n").out, "2\n");
  Put("a", "1");
  Put("b", "1");
  EXPECT_EQ(at_a_terminal({"del", Key(""), "--prefix", "--yes"}, "").out, "2\n");
}

}  // namespace
}  // namespace keelson::kvctl
