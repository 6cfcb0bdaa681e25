// client/kvctl/SESSION.md run as printed, with the real kvctl, against a cluster of its own; and
// what a signal does to the real process.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/client/wire_fixture.h"
#include "tests/harness/process.h"
#include "tests/harness/temp_dir.h"

namespace keelson::testing {
namespace {

constexpr char kSession[] = "client/kvctl/SESSION.md";

struct Step {
  int line = 0;
  std::string command = {};
  std::vector<std::string> output = {};
};

// The commands of the blocks that begin with ```console, each with the lines up to the next one.
std::vector<Step> ReadSteps() {
  std::ifstream file(kSession);
  EXPECT_TRUE(file.is_open()) << kSession << ": tests run in the repository's root";
  std::vector<Step> steps;
  std::string line;
  bool inside = false;
  for (int number = 1; std::getline(file, line); ++number) {
    if (absl::StartsWith(line, "```")) {
      inside = line == "```console";
    } else if (inside && absl::StartsWith(line, "$ ")) {
      steps.push_back({.line = number, .command = line.substr(2)});
    } else if (inside && !steps.empty()) {
      steps.back().output.push_back(line);
    }
  }
  return steps;
}

// Whether `actual` is `expected`, where "..." stands for any text within the line.
bool Matches(const std::string& expected, const std::string& actual) {
  const std::vector<std::string> parts = absl::StrSplit(expected, "...");
  if (parts.size() == 1) return expected == actual;
  if (!absl::StartsWith(actual, parts.front())) return false;
  size_t at = parts.front().size();
  for (size_t i = 1; i + 1 < parts.size(); ++i) {
    const size_t found = actual.find(parts[i], at);
    if (found == std::string::npos) return false;
    at = found + parts[i].size();
  }
  return actual.size() - at >= parts.back().size() && absl::EndsWith(actual, parts.back());
}

class SessionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FindServerBinary()) GTEST_SKIP() << MissingServerMessage();
    const char* kvctl = std::getenv("KEELSON_KVCTL");
    ASSERT_NE(kvctl, nullptr) << "KEELSON_KVCTL is the path of kvctl";
    kvctl_ = kvctl;
    auto cluster = TestCluster::Start({.members = 3});
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
  }

  CommandResult Bash(const std::string& command) {
    const std::string folder = kvctl_.substr(0, kvctl_.rfind('/'));
    return RunCommand(
        {"bash", "-c", absl::StrCat("exec 2>&1; cd ", directory_.path(), "; ", command)},
        {.environment = {
             absl::StrCat("PATH=", folder, ":", std::getenv("PATH")),
             absl::StrCat("HOME=", directory_.path()),
             absl::StrCat("KVCTL_ENDPOINTS=", absl::StrJoin(cluster_->endpoints(), ","))}});
  }

  std::string kvctl_;
  std::unique_ptr<TestCluster> cluster_;
  const TempDir directory_;
};

TEST_F(SessionTest, EveryCommandPrintsWhatTheDocumentSays) {
  const std::vector<Step> steps = ReadSteps();
  ASSERT_GT(steps.size(), 20u);
  for (const Step& step : steps) {
    const CommandResult result = Bash(step.command);
    std::vector<std::string> lines = absl::StrSplit(result.out, '\n');
    if (!lines.empty() && lines.back().empty()) lines.pop_back();
    bool same = lines.size() == step.output.size();
    for (size_t i = 0; same && i < lines.size(); ++i) same = Matches(step.output[i], lines[i]);
    EXPECT_TRUE(same) << kSession << ":" << step.line << ": " << step.command << "\n--- printed\n"
                      << result.out << "--- the document says\n"
                      << absl::StrJoin(step.output, "\n");
  }
}

TEST_F(SessionTest, ASignalEndsACommandAsItEndsAnyProgram) {
  const std::string endpoints = "--endpoints=" + cluster_->endpoints()[0];
  auto client = client::Client::Create({.endpoints = cluster_->endpoints()});
  ASSERT_TRUE(client.ok());
  // A watch has nothing to put in order; the program it started says that it runs.
  auto started = Process::Start(
      {kvctl_, endpoints, "watch", "a", "--", kvctl_, endpoints, "put", "seen", "yes"},
      directory_.path() + "/log");
  ASSERT_TRUE(started.ok());
  const auto seen = (*client)->Watch(client::KeyRange::Key("seen"), 1);
  while (!seen->Next(absl::Milliseconds(100)).ok()) {
    ASSERT_TRUE((*client)->kv().Put("a", "1").ok());
  }
  started->Signal(SIGTERM);
  started->Terminate(absl::Seconds(20));
  const int status = started->wait_status().value_or(0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) << status;
}

TEST_F(SessionTest, AnInteractiveWatchRunsWhatItReads) {
  // A member leaves a request for progress unanswered where a watch is still in the past: it is
  // asked until it answers. Then the last watch ends, and with it kvctl.
  const CommandResult result = Bash(R"(
kvctl put a 1; kvctl put 'b c' 2
(
  echo 'watch a --rev 1 --events 1'
  echo
  echo 'watch --rev=1 --events 1 --prefix "b c"'
  echo 'watch done --events 1'
  echo foo
  until grep -q 'progress notify' out; do echo progress; sleep 0.05; done
  until grep -q done out; do kvctl put done yes >&2; done
) | kvctl watch -i >out
echo "ended with $?"
cat out)");
  for (const char* line : {"PUT\na\n1\n", "PUT\nb c\n2\n", "progress notify: ",
                           "\"foo\" is neither", "PUT\ndone\nyes\n", "ended with 0\n"}) {
    EXPECT_TRUE(absl::StrContains(result.out, line)) << line << " is not in\n" << result.out;
  }
}

TEST_F(SessionTest, ASignalToALockEndsItsProgramAndFreesIt) {
  const std::string endpoints = "--endpoints=" + cluster_->endpoints()[0];
  auto client = client::Client::Create({.endpoints = cluster_->endpoints()});
  ASSERT_TRUE(client.ok());
  const std::string script = absl::StrCat("trap 'exit 5' TERM; ", kvctl_, " ", endpoints,
                                          " put ready yes; while :; do :; done");
  auto started = Process::Start({kvctl_, endpoints, "lock", "l", "--", "sh", "-c", script},
                                directory_.path() + "/log");
  ASSERT_TRUE(started.ok());
  const auto ready = (*client)->Watch(client::KeyRange::Key("ready"), 1);
  ASSERT_TRUE(ready->Next(absl::Seconds(20)).ok());
  started->Signal(SIGINT);
  started->Terminate(absl::Seconds(20));
  const int status = started->wait_status().value_or(0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 5) << status;
  const auto left = (*client)->kv().Get(client::KeyRange::Prefix("l/"), {.count_only = true});
  ASSERT_TRUE(left.ok());
  EXPECT_EQ(left->count, 0);
}

}  // namespace
}  // namespace keelson::testing
