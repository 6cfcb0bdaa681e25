// How every command fails: a wrong flag, missing arguments, nobody there. All as one file, so that
// each text is seen where it changes.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/client/golden.h"
#include "tests/client/kvctl_run.h"

namespace keelson::kvctl {
namespace {

// Where nobody listens: the port is reserved, and not for us.
constexpr char kNobody[] = "127.0.0.1:1";

// Arguments with which a command asks the cluster; commands that never do are not here.
const std::map<std::string, std::string>& Asking() {
  static const auto* arguments = new std::map<std::string, std::string>{
      {"get", "a"},
      {"put", "a 1"},
      {"del", "a"},
      {"compact", "7"},
      {"tree", ""},
      {"diff", "--rev 7"},
      {"history", "a"},
      {"txn", ""},
      {"watch", "a"},
      {"lease grant", "60"},
      {"lease revoke", "10"},
      {"lease timetolive", "10"},
      {"lease list", ""},
      {"lease keep-alive", "--once 10"},
      {"lock", "a"},
      {"elect", "a me"},
      {"member list", ""},
      {"member add", "m1 --peer-urls http://127.0.0.1:1"},
      {"member remove", "10"},
      {"member update", "10 --peer-urls http://127.0.0.1:1"},
      {"member promote", "10"},
      {"move-leader", "10"},
      {"endpoint status", ""},
      {"endpoint health", ""},
      {"endpoint hashkv", ""},
      {"defrag", ""},
      {"top", "--once --interval 1ms"},
      {"doctor", ""},
      {"check perf", ""},
      {"check datascale", ""},
      {"alarm list", ""},
      {"alarm disarm", ""},
      {"snapshot save", "/tmp/kvctl-errors-test.db"},
      {"export", "-"},
      {"import", "--from 127.0.0.1:1"},
      {"make-mirror", "127.0.0.1:1"},
  };
  return *arguments;
}

// `text` without what depends on the moment: how long it took, what the system said, and how often
// that was told.
std::string Stable(std::string text) {
  for (const std::string start : {" within ", " ipv4:"}) {
    for (size_t at = text.find(start); at != std::string::npos; at = text.find(start, at + 1)) {
      text.replace(at + start.size(), text.find('\n', at) - at - start.size(), "...");
    }
  }
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
  return absl::StrJoin(lines, "\n");
}

std::string Failure(const std::string& line) {
  std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
  words.insert(words.end(), {"--dial-timeout=100ms", "--command-timeout=400ms"});
  const Ran ran = RunWith(words, "", {{"KVCTL_ENDPOINTS", kNobody}});
  EXPECT_NE(ran.code, kOk) << line;
  EXPECT_FALSE(ran.err.empty() && ran.out.empty()) << line;
  return absl::StrCat("$ kvctl ", line, "\n", Stable(ran.err), "(exit code ", ran.code, ")\n");
}

TEST(KvctlErrorsTest, EachIsToldWithTheNextStep) {
  std::string text;
  for (const Command& command : AllCommands()) {
    absl::StrAppend(&text, Failure(command.name + " --nope"));
    if (command.min_arguments > 0) absl::StrAppend(&text, Failure(command.name));
    const auto asking = Asking().find(command.name);
    if (asking != Asking().end()) {
      absl::StrAppend(&text, Failure(absl::StrCat(command.name, " ", asking->second)));
    }
    text += "\n";
  }
  keelson::testing::ExpectGolden("tests/client/golden/errors.txt", text);
}

}  // namespace
}  // namespace keelson::kvctl
