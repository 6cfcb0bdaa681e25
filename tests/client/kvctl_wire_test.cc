// kvctl in this process against a real server: what it prints and with which code it ends.
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/client/kvctl_wire_fixture.h"
#include "tests/harness/temp_dir.h"

namespace keelson::kvctl {
namespace {

using keelson::testing::PortLease;

class KvctlWireTest : public KvctlFixture {};

TEST_F(KvctlWireTest, PutGetAndDel) {
  EXPECT_EQ(Kvctl("put @a one").out, "OK\n");
  EXPECT_EQ(Kvctl("get @a").out, absl::StrCat(Key("a"), "\none\n"));
  EXPECT_EQ(Kvctl("get @a --print-value-only").out, "one\n");
  EXPECT_EQ(Kvctl("put @a two --prev-kv").out, absl::StrCat("OK\n", Key("a"), "\none\n"));
  EXPECT_EQ(Kvctl("get @ --prefix --count-only").out, "1\n");
  EXPECT_EQ(Kvctl("del @a").out, "1\n");
  EXPECT_EQ(Kvctl("del @a").code, kOk);
}

TEST_F(KvctlWireTest, AMissingKeyExitsWithThreeAndAnEmptyRangeWithZero) {
  const Ran missing = Kvctl("get @nothing");
  EXPECT_EQ(missing.code, kNotFound);
  EXPECT_EQ(missing.out, "");
  EXPECT_EQ(Kvctl("get @nothing --prefix").code, kOk);
}

TEST_F(KvctlWireTest, AValueCanComeFromTheInput) {
  EXPECT_EQ(Kvctl("put @a", "from\nstdin\n").code, kOk);
  EXPECT_EQ(Kvctl("get @a --print-value-only").out, "from\nstdin\n\n");
}

TEST_F(KvctlWireTest, ATransactionIsReadFromTheInput) {
  const std::string txn = absl::StrCat("version(\"", Key("a"), "\") = \"0\"\n\nput ", Key("a"),
                                       " x\n\nget ", Key("a"), "\n\n");
  EXPECT_EQ(Kvctl("txn", txn).out, "SUCCESS\n\nOK\n");
  EXPECT_EQ(Kvctl("txn", txn).out, absl::StrCat("FAILURE\n\n", Key("a"), "\nx\n"));
  const keelson::testing::TempDir directory;
  std::ofstream(directory.path() + "/t") << txn;
  EXPECT_EQ(Kvctl("txn " + directory.path() + "/t").out,
            absl::StrCat("FAILURE\n\n", Key("a"), "\nx\n"));
  EXPECT_EQ(Kvctl("txn /no/such/file").code, kUsage);
  const Ran bad = Kvctl("txn", "\nfrob\n");
  EXPECT_EQ(bad.code, kUsage);
  EXPECT_NE(bad.err.find("line 2"), std::string::npos);
}

TEST_F(KvctlWireTest, AWatchFromThePastPrintsItsEventsAndEnds) {
  const auto put = client_->kv().Put(Key("a"), "1");
  ASSERT_TRUE(put.ok());
  ASSERT_TRUE(client_->kv().Put(Key("b"), "2").ok());
  const Ran watched =
      Kvctl(absl::StrCat("watch @a --also @b --events 2 --rev ", put->header.revision));
  EXPECT_EQ(watched.code, kOk) << watched.err;
  EXPECT_NE(watched.out.find(absl::StrCat("PUT\n", Key("a"), "\n1\n")), std::string::npos);
  EXPECT_NE(watched.out.find(absl::StrCat("PUT\n", Key("b"), "\n2\n")), std::string::npos);
}

TEST_F(KvctlWireTest, AnInteractiveWatchEndsWithItsWatches) {
  const int64_t revision = Put("a", "1");
  Put("b/1", "2");
  const std::string rev = absl::StrCat(" --events 1 --rev ", revision, " ");
  const Ran watched =
      Kvctl("watch -i", absl::StrCat("watch", rev, Key("a"), "\n\nwatch --prefix", rev, "'",
                                     Key("b/"), "'\nput x\nwatch --nope x\nwatch a b c\n"));
  EXPECT_EQ(watched.code, kOk) << watched.err;
  EXPECT_NE(watched.out.find(absl::StrCat("PUT\n", Key("a"), "\n1\n")), std::string::npos);
  EXPECT_NE(watched.out.find(absl::StrCat("PUT\n", Key("b/1"), "\n2\n")), std::string::npos);
  for (const char* complaint : {"\"put x\" is neither", "--nope", "takes a key and a range end"}) {
    EXPECT_NE(watched.err.find(complaint), std::string::npos) << watched.err;
  }
  EXPECT_EQ(Kvctl("watch -i @a").code, kUsage);
  EXPECT_EQ(Kvctl("watch").code, kUsage);
}

TEST_F(KvctlWireTest, ACompactedWatchSaysSo) {
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(client_->kv().Put(Key("a"), "1").ok());
  const int64_t now = client_->kv().Get(client::KeyRange::Key(Key("a")))->header.revision;
  EXPECT_EQ(Kvctl(absl::StrCat("compact ", now)).out,
            absl::StrCat("compacted revision ", now, "\n"));
  const Ran watched = Kvctl(absl::StrCat("watch @a --rev ", now - 1));
  EXPECT_EQ(watched.code, kFailed);
  EXPECT_NE(watched.err.find("compacted"), std::string::npos);
  EXPECT_EQ(Kvctl(absl::StrCat("compact ", now)).code, kFailed);
}

TEST_F(KvctlWireTest, ALeaseFromGrantToRevoke) {
  const std::string granted = Kvctl("lease grant 60").out;
  const std::vector<std::string> words = absl::StrSplit(granted, ' ');
  ASSERT_EQ(words.size(), 5u) << granted;
  const std::string& id = words[1];
  EXPECT_EQ(Kvctl("put @a x --lease " + id).code, kOk);
  EXPECT_NE(Kvctl("lease timetolive --keys " + id).out.find(Key("a")), std::string::npos);
  EXPECT_EQ(Kvctl("lease keep-alive --once " + id).out,
            absl::StrCat("lease ", id, " keepalived with TTL(60)\n"));
  EXPECT_NE(Kvctl("lease list").out.find(id), std::string::npos);
  EXPECT_EQ(Kvctl("lease revoke " + id).code, kOk);
  EXPECT_EQ(Kvctl("lease revoke " + id).code, kNotFound);
  EXPECT_EQ(Kvctl("lease timetolive " + id).code, kNotFound);
  EXPECT_EQ(Kvctl("lease keep-alive --once " + id).code, kNotFound);
  EXPECT_EQ(Kvctl("lease keep-alive " + id).code, kNotFound);
}

TEST_F(KvctlWireTest, KeepAliveRunsUntilTheLeaseIsGone) {
  const auto lease = client_->leases().Grant(3);
  ASSERT_TRUE(lease.ok());
  Ran ran{};
  std::thread keeper([&] { ran = Kvctl(absl::StrFormat("lease keep-alive %x", lease->id)); });
  // A second renewal can't be seen from here; that the lease is gone, kvctl learns at the next one.
  EXPECT_TRUE(client_->leases().Revoke(lease->id).ok());
  keeper.join();
  EXPECT_EQ(ran.code, kNotFound) << ran.err;
}

TEST_F(KvctlWireTest, MembersEndpointsAndAlarmsAreTables) {
  EXPECT_EQ(Kvctl("member list").out.find("ID "), 0u);
  EXPECT_NE(Kvctl("endpoint status").out.find("leader"), std::string::npos);
  EXPECT_NE(Kvctl("endpoint health --cluster").out.find("healthy"), std::string::npos);
  EXPECT_EQ(Kvctl("alarm list").code, kOk);
  EXPECT_EQ(Kvctl("alarm disarm").code, kOk);
  EXPECT_EQ(Kvctl("-o json endpoint health").out.find("[{\"endpoint\":"), 0u);
}

TEST_F(KvctlWireTest, AMemberIsHashedDefragmentedAndToldToLead) {
  const auto put = client_->kv().Put(Key("a"), "1");
  ASSERT_TRUE(put.ok());
  const std::string at = absl::StrCat("--rev ", put->header.revision);
  const Ran hash = Kvctl("endpoint hashkv --cluster -o simple " + at);
  EXPECT_EQ(hash.code, kOk) << hash.err;
  ASSERT_TRUE(client_->kv().Put(Key("a"), "2").ok());
  EXPECT_EQ(Kvctl("endpoint hashkv --cluster -o simple " + at).out, hash.out);
  EXPECT_EQ(Kvctl("endpoint hashkv").out.find("ENDPOINT "), 0u);
  const Ran future = Kvctl("endpoint hashkv --rev 999999");
  EXPECT_EQ(future.code, kFailed);
  EXPECT_NE(future.err.find("required revision is a future revision"), std::string::npos);
  EXPECT_EQ(Kvctl("defrag").out,
            absl::StrCat("Finished defragmenting etcd member[", cluster_->endpoints()[0], "]\n"));
  const auto status = client_->maintenance().Status(cluster_->endpoints()[0]);
  ASSERT_TRUE(status.ok());
  const std::string id = absl::StrFormat("%x", status->leader);
  EXPECT_EQ(Kvctl("move-leader " + id).out,
            absl::StrCat("Leadership transferred from ", id, " to ", id, "\n"));
  const Ran nobody = Kvctl("move-leader 1");
  EXPECT_EQ(nobody.code, kFailed);
  EXPECT_NE(nobody.err.find("etcdserver: bad leader transferee"), std::string::npos);
  EXPECT_NE(nobody.err.find("kvctl member list"), std::string::npos);
}

TEST_F(KvctlWireTest, ARefusalIsToldWithItsText) {
  const Ran refused = Kvctl("put @a x --lease 1234");
  EXPECT_EQ(refused.code, kNotFound);
  EXPECT_NE(refused.err.find("etcdserver: requested lease not found"), std::string::npos);
  EXPECT_EQ(Kvctl("get @a --rev 999999").code, kFailed);
}

TEST(KvctlTest, ADeadEndpointEndsWithFourAndSaysWhatToDo) {
  const PortLease nobody;
  const std::string endpoint = absl::StrCat("127.0.0.1:", nobody.port());
  for (const char* command : {"get", "del"}) {
    const Ran ran = RunWith({command, "a", "--dial-timeout=100ms", "--endpoints", endpoint});
    EXPECT_EQ(ran.code, kUnavailable) << command;
    EXPECT_NE(ran.err.find(absl::StrCat("no member could be reached at ", endpoint)),
              std::string::npos);
    EXPECT_NE(ran.err.find("Is the cluster running"), std::string::npos);
  }
  EXPECT_EQ(RunWith({"endpoint", "health", "--endpoints", endpoint}).code, kFailed);
  EXPECT_EQ(RunWith({"endpoint", "status", "--endpoints", endpoint}).code, kUnavailable);
  EXPECT_EQ(RunWith({"endpoint", "hashkv", "--endpoints", endpoint}).code, kUnavailable);
  EXPECT_EQ(RunWith({"defrag", "--endpoints", endpoint}).code, kUnavailable);
  EXPECT_EQ(RunWith({"move-leader", "1", "--endpoints", endpoint}).code, kUnavailable);
  EXPECT_EQ(RunWith({"watch", "a", "--command-timeout=200ms", "--endpoints", endpoint}).code,
            kUnavailable);
}

TEST(KvctlTest, AWrongCommandLineEndsWithTwo) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"frob"},
                                             {"get"},
                                             {"get", "a", "b", "c"},
                                             {"get", "--nope", "a"},
                                             {"lease"},
                                             {"lease", "frob"},
                                             {"lease", "grant", "soon"},
                                             {"lease", "revoke", "xyz"},
                                             {"compact", "x"},
                                             {"move-leader"},
                                             {"move-leader", "m1"},
                                             {"endpoint", "hashkv", "--rev", "x"},
                                             {"--endpoints", "nowhere", "get", "a"},
                                             {"--output=xml", "get", "a"},
                                             {"--limit", "3"}}) {
    const Ran ran = RunWith(words);
    EXPECT_EQ(ran.code, kUsage) << absl::StrJoin(words, " ");
    EXPECT_FALSE(ran.err.empty());
  }
}

TEST(KvctlTest, HelpIsAskedForInManyWays) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{},
                                             {"--help"},
                                             {"-h"},
                                             {"help"},
                                             {"help", "get"},
                                             {"get", "--help"},
                                             {"lease", "--help"},
                                             {"help", "lease"},
                                             {"help", "lease", "grant"},
                                             {"lease", "grant", "-h"}}) {
    const Ran ran = RunWith(words);
    EXPECT_EQ(ran.code, kOk) << absl::StrJoin(words, " ");
    EXPECT_NE(ran.out.find("Usage: kvctl"), std::string::npos) << absl::StrJoin(words, " ");
  }
}

TEST(KvctlTest, ABadEnvironmentVariableIsNamed) {
  const Ran ran = RunWith({"version"}, "", {{"KVCTL_COMMAND_TIMEOUT", "soon"}});
  EXPECT_EQ(ran.code, kUsage);
  EXPECT_NE(ran.err.find("command-timeout=soon"), std::string::npos);
}

}  // namespace
}  // namespace keelson::kvctl
