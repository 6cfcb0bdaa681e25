// The completion that kvctl prints, run by a real bash.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/client/kvctl_run.h"
#include "tests/harness/process.h"

namespace keelson::kvctl {
namespace {

// What bash offers at the end of `line`, sorted by it.
std::vector<std::string> Offered(const std::string& line) {
  const Ran script = RunWith({"completion", "bash"});
  EXPECT_EQ(script.code, kOk);
  std::vector<std::string> words;
  for (const auto word : absl::StrSplit(line, ' ')) words.push_back(absl::StrCat("'", word, "'"));
  const auto bash = keelson::testing::RunCommand(
      {"bash", "-c",
       absl::StrCat(script.out, "\nCOMP_WORDS=(", absl::StrJoin(words, " "), ")\nCOMP_CWORD=",
                    words.size() - 1, "\n_kvctl\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n")});
  EXPECT_EQ(bash.exit_code, 0) << bash.err;
  EXPECT_EQ(bash.err, "");
  return absl::StrSplit(bash.out, '\n', absl::SkipEmpty());
}

using Words = std::vector<std::string>;

TEST(CompletionTest, CommandsGroupsFlagsAndValuesAreOffered) {
  EXPECT_EQ(Offered("kvctl ge"), (Words{"get"}));
  EXPECT_EQ(Offered("kvctl lease "),
            (Words{"grant", "keep-alive", "list", "revoke", "timetolive"}));
  EXPECT_EQ(Offered("kvctl get key --print"), (Words{"--print-value-only"}));
  EXPECT_EQ(Offered("kvctl --endpoints a:1 lease revo"), (Words{"revoke"}));
  EXPECT_EQ(Offered("kvctl lease timetolive 12 --ke"), (Words{"--keys"}));
  EXPECT_EQ(Offered("kvctl get -o "), (Words{"table", "json", "yaml", "simple", "fields"}));
  EXPECT_EQ(Offered("kvctl get -o j"), (Words{"json"}));
  EXPECT_EQ(Offered("kvctl check perf --load x"), (Words{"xl"}));
  EXPECT_EQ(Offered("kvctl get --prefix --endp"), (Words{"--endpoints"}));
  EXPECT_EQ(Offered("kvctl get --rev "), Words{});
  EXPECT_EQ(Offered("kvctl lock name -- "), Words{});
}

TEST(CompletionTest, EveryCommandIsThereForEachShell) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Ran script = RunWith({"completion", shell});
    EXPECT_EQ(script.code, kOk);
    for (const Command& command : AllCommands()) {
      const Words words = absl::StrSplit(command.name, ' ');
      EXPECT_NE(script.out.find(words.back()), std::string::npos) << shell << command.name;
    }
  }
  EXPECT_EQ(RunWith({"completion", "csh"}).code, kUsage);
}

}  // namespace
}  // namespace keelson::kvctl
