// kvctl's commands that run programs and hold claims: watch with a program, lock, elect.
#include <sys/stat.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/client/kvctl_wire_fixture.h"
#include "tests/harness/temp_dir.h"

namespace keelson::kvctl {
namespace {

std::string Contents(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class KvctlClaimTest : public KvctlFixture {
 protected:
  std::string File(const std::string& name) const { return directory_.path() + "/" + name; }

  Ran Words(const std::vector<std::string>& words, Stop* stop = nullptr) {
    return RunWith(words, "", {{"KVCTL_ENDPOINTS", absl::StrJoin(cluster_->endpoints(), ",")}},
                   stop);
  }

  // kvctl in a thread, until it is stopped.
  struct Running {
    explicit Running(std::function<Ran(Stop*)> run)
        : thread([this, run = std::move(run)] { ran = run(&stop); }) {}
    Ran End() {
      while (!stop.Raise()) std::this_thread::yield();
      thread.join();
      return ran;
    }
    Stop stop;
    Ran ran{};
    std::thread thread;
  };

  // Waits for the next change below this test's key `name`, from `revision` on.
  void AwaitChange(const std::string& name, int64_t revision) {
    const auto watcher = client_->Watch(client::KeyRange::Prefix(Key(name)), revision);
    const auto seen = watcher->Next(absl::Seconds(20));
    ASSERT_TRUE(seen.ok()) << seen.status();
  }

  // Its reader waits for its writer: so a program says that it runs.
  void MakePipe() { ASSERT_EQ(mkfifo(File("pipe").c_str(), 0600), 0); }

  int64_t Revision() { return client_->kv().Get(client::KeyRange::Key("x"))->header.revision; }

  const keelson::testing::TempDir directory_;
};

TEST_F(KvctlClaimTest, AWatchRunsItsProgramForEachChange) {
  const int64_t revision = Put("a", "o\"ne");
  Delete("a");
  const std::string script =
      "echo \"$ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_KEY $ETCD_WATCH_VALUE $ETCD_WATCH_REVISION\" >> " +
      File("out");
  const Ran watched = Words({"watch", Key("a"), "--events", "2", "--rev", std::to_string(revision),
                             "--", "sh", "-c", script});
  EXPECT_EQ(watched.code, kOk) << watched.err;
  EXPECT_EQ(Contents(File("out")),
            absl::StrCat("\"PUT\" \"", Key("a"), "\" \"o\\\"ne\" ", revision, "\n\"DELETE\" \"",
                         Key("a"), "\" \"\" ", revision + 1, "\n"));
  const Ran failed =
      Words({"watch", Key("a"), "--rev", std::to_string(revision), "--", "sh", "-c", "exit 3"});
  EXPECT_EQ(failed.code, kFailed);
  EXPECT_NE(failed.err.find("sh ended with 3 at revision"), std::string::npos) << failed.err;
  const Ran missing =
      Words({"watch", Key("a"), "--rev", std::to_string(revision), "--", "/no/such/program"});
  EXPECT_EQ(missing.code, kFailed);
  EXPECT_NE(missing.err.find("can't start /no/such/program"), std::string::npos);
}

TEST_F(KvctlClaimTest, ALockIsHeldWhileItsProgramRunsAndItsExitCodeIsKvctls) {
  const Ran seven =
      Words({"lock", Key("l"), "--", "sh", "-c",
             "echo \"$ETCD_LOCK_KEY $KEELSON_LOCK_TOKEN\" > " + File("out") + "; exit 7"});
  EXPECT_EQ(seven.code, 7) << seven.err;
  EXPECT_TRUE(absl::StartsWith(Contents(File("out")), Key("l/"))) << Contents(File("out"));
  EXPECT_EQ(Kvctl("get @l --prefix --count-only").out, "0\n");
  EXPECT_EQ(Words({"lock", Key("l"), "--", "/no/such/program"}).code, 127);
  EXPECT_EQ(Words({"lock", Key("l"), "--", "/"}).code, 126);
  EXPECT_EQ(Kvctl("get @l --prefix --count-only").out, "0\n");
  EXPECT_EQ(Words({"lock", Key("l"), "false"}).code, 1) << "etcdctl's way, without a --";
  EXPECT_EQ(Words({"lock", Key("l"), "extra", "--", "true"}).code, kUsage);
  EXPECT_EQ(Words({"lock", Key("l"), "--"}).code, kUsage);
  EXPECT_EQ(Words({"lock", Key("l"), "--ttl", "0"}).code, kUsage);
}

TEST_F(KvctlClaimTest, ALockExcludesOthersUntilASignalEndsIt) {
  const int64_t revision = Revision();
  Running holder([this](Stop* stop) { return Words({"lock", Key("l")}, stop); });
  AwaitChange("l", revision + 1);
  const Ran waits = Words({"lock", Key("l"), "--wait", "200ms", "--", "true"});
  EXPECT_EQ(waits.code, kUnavailable) << waits.err;
  const Ran held = holder.End();
  EXPECT_EQ(held.code, kOk) << held.err;
  EXPECT_TRUE(absl::StartsWith(held.out, Key("l/"))) << held.out;
  EXPECT_EQ(Words({"lock", Key("l"), "--wait", "10s", "--", "true"}).code, kOk);
}

TEST_F(KvctlClaimTest, ASignalEndsTheProgramAndFreesTheLock) {
  MakePipe();
  Running holder([this](Stop* stop) {
    return Words({"lock", Key("l"), "--", "sh", "-c",
                  "trap 'exit 5' TERM; echo up > " + File("pipe") + "; while :; do :; done"},
                 stop);
  });
  EXPECT_EQ(Contents(File("pipe")), "up\n");
  const Ran held = holder.End();
  EXPECT_EQ(held.code, 5) << held.err;
  EXPECT_EQ(Kvctl("get @l --prefix --count-only").out, "0\n");
}

TEST_F(KvctlClaimTest, ALostLeaseEndsTheProgram) {
  MakePipe();
  Ran ran{};
  std::thread holder([&] {
    ran = Words({"lock", Key("l"), "--ttl", "3", "--", "sh", "-c",
                 "echo up > " + File("pipe") + "; while :; do :; done"});
  });
  EXPECT_EQ(Contents(File("pipe")), "up\n");
  const auto key = client_->kv().Get(client::KeyRange::Prefix(Key("l/")));
  EXPECT_TRUE(key.ok());
  for (const client::KeyValue& claim : key->kvs) {
    EXPECT_TRUE(client_->leases().Revoke(claim.lease).ok());
  }
  holder.join();
  EXPECT_EQ(ran.code, kNotFound) << ran.err;
  EXPECT_NE(ran.err.find("was lost while it was held"), std::string::npos) << ran.err;
}

TEST_F(KvctlClaimTest, AnElectionHasOneLeaderAndListenersSeeIt) {
  const int64_t revision = Revision();
  Running first([this](Stop* stop) { return Words({"elect", Key("e"), "one"}, stop); });
  AwaitChange("e", revision + 1);
  Running listener([this](Stop* stop) { return Words({"elect", Key("e"), "--listen"}, stop); });
  EXPECT_EQ(Words({"elect", Key("e"), "two", "--wait", "200ms"}).code, kUnavailable);
  const Ran led = first.End();
  EXPECT_EQ(led.code, kOk) << led.err;
  EXPECT_TRUE(absl::StrContains(led.out, "\none\n")) << led.out;
  EXPECT_EQ(Words({"elect", Key("e"), "two", "--", "true"}).code, kOk);
  const Ran listened = listener.End();
  EXPECT_EQ(listened.code, kOk) << listened.err;
  EXPECT_EQ(Words({"elect", Key("e")}).code, kUsage);
  EXPECT_EQ(Words({"elect", Key("e"), "x", "--listen"}).code, kUsage);
}

}  // namespace
}  // namespace keelson::kvctl
