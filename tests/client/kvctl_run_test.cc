// kvctl's command line as a whole: what it takes from etcdctl's users, and what it says to them.
#include "tests/client/kvctl_run.h"

#include <gtest/gtest.h>

#include <ostream>
#include <streambuf>

namespace keelson::kvctl {
namespace {

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

// What is said of a command line that is wrong.
std::string Misuse(const std::vector<std::string>& words) {
  const Ran ran = RunWith(words);
  EXPECT_EQ(ran.code, kUsage);
  EXPECT_EQ(ran.out, "");
  return FirstLine(ran.err);
}

TEST(KvctlRunTest, ACommandThatIsElsewhereIsNamed) {
  EXPECT_EQ(
      Misuse({"snapshot", "restore", "f"}),
      "kvctl: there is no command \"snapshot restore\": `kvd snapshot restore FILE` does that, "
      "where the member will run");
  EXPECT_EQ(Misuse({"auth", "enable"}),
            "kvctl: there is no command \"auth\": this version has no authentication");
  EXPECT_EQ(Misuse({"delete", "a"}),
            "kvctl: there is no command \"delete\": `kvctl del KEY` deletes");
  EXPECT_EQ(Misuse({"help", "wacth"}),
            "kvctl: there is no command \"wacth\"; did you mean \"watch\"?");
  EXPECT_NE(RunWith({"lease", "end"}).err.find("Try: kvctl help lease\n"), std::string::npos);
}

TEST(KvctlRunTest, TheVersionIsToldAsAFlagToo) {
  EXPECT_EQ(RunWith({"--version"}).out, RunWith({"version"}).out);
  EXPECT_EQ(RunWith({"-v"}).code, kOk);
  EXPECT_EQ(RunWith({"help", "--help"}).out, RunWith({"--help"}).out);
}

TEST(KvctlRunTest, FlagsOfEtcdctlAreTakenOrRefusedBeforeAndBehindTheCommand) {
  EXPECT_EQ(RunWith({"--debug", "--keepalive-time=2s", "--insecure-transport", "version"}).code,
            kOk);
  EXPECT_EQ(RunWith({"version", "--keepalive-timeout", "6s", "--cacert="}).code, kOk);
  EXPECT_EQ(Misuse({"--cacert", "ca.pem", "get", "a"}),
            "kvctl: --cacert: this version has no TLS: leave it out, and write HOST:PORT");
  EXPECT_EQ(Misuse({"get", "a", "--user", "root:secret"}),
            "kvctl: --user: this version has no authentication: leave it out");
  EXPECT_EQ(Misuse({"make-mirror", "h:1", "--dest-insecure-transport=false"}),
            "kvctl: --dest-insecure-transport: this version has no TLS: leave it out, and write "
            "HOST:PORT");
  EXPECT_EQ(Misuse({"make-mirror", "h:1", "--max-txn-ops", "0"}),
            "kvctl: --max-txn-ops: give 1 or more");
  EXPECT_EQ(Misuse({"get", "a", "--endpoints="}),
            "kvctl: --endpoints names nobody; give HOST:PORT,...");
}

TEST(KvctlRunTest, AnEmptyInputIsNoValue) {
  EXPECT_EQ(Misuse({"put", "a"}),
            "kvctl: no value was given, and the input is empty; to store an empty value: kvctl put "
            "KEY \"\"");
}

TEST(KvctlRunTest, EtcdctlsEndpointsAreNotReadAndThatIsTold) {
  const std::string hint = "ETCDCTL_ENDPOINTS is not read: ";
  // Not to the default endpoint, which may be somebody's: a timeout that ends before any answer.
  const std::vector<std::string> words = {"get", "a", "--command-timeout=1ns"};
  const Ran told = RunWith(words, "", {{"ETCDCTL_ENDPOINTS", "h:1"}});
  EXPECT_EQ(told.code, kUnavailable);
  EXPECT_NE(told.err.find(hint), std::string::npos) << told.err;
  const Ran chosen =
      RunWith(words, "", {{"KVCTL_ENDPOINTS", "127.0.0.1:1"}, {"ETCDCTL_ENDPOINTS", "h:1"}});
  EXPECT_EQ(chosen.code, kUnavailable);
  EXPECT_EQ(chosen.err.find(hint), std::string::npos) << chosen.err;
}

// A disk that is full.
class FullBuffer : public std::streambuf {
 protected:
  int_type overflow(int_type) override { return traits_type::eof(); }
  std::streamsize xsputn(const char*, std::streamsize) override { return 0; }
};

TEST(KvctlRunTest, OutputThatCouldNotBeWrittenIsAFailure) {
  FullBuffer full;
  std::istringstream in;
  std::ostream out(&full);
  std::ostringstream err;
  EXPECT_EQ(kvctl::Run({"version"}, {.in = &in, .out = &out, .err = &err}), kFailed);
  EXPECT_EQ(err.str(), "kvctl: the output could not be written\n");
}

}  // namespace
}  // namespace keelson::kvctl
