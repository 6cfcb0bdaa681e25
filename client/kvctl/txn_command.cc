// txn.
#include <fstream>
#include <ostream>

#include "client/kvctl/command.h"
#include "client/kvctl/txn_text.h"

namespace keelson::kvctl {
namespace {

ExitCode RunTxn(Invocation& invocation) {
  std::ifstream file;
  const bool named = !invocation.arguments().empty();
  if (named) {
    file.open(invocation.arguments()[0]);
    if (!file.is_open()) return invocation.Misused(invocation.arguments()[0] + " can't be read");
  }
  const bool prompts =
      !named && (invocation.flags().Bool("interactive") || invocation.in_is_terminal());
  const auto txn = ReadTxn(named ? file : invocation.in(), prompts ? &invocation.out() : nullptr);
  if (!txn.ok()) return invocation.Misused(std::string(txn.status().message()));
  const auto result = invocation.client().kv().Commit(*txn);
  if (!result.ok()) return invocation.Report(result.status());
  invocation.writer().Txn(*result);
  return kOk;
}

}  // namespace

std::vector<Command> TxnCommands() {
  return {
      {.name = "txn",
       .arguments = "[FILE]",
       .summary = "Run a transaction read from a file or from the standard input",
       .details =
           R"(Three blocks, each ended by an empty line: comparisons, operations to do if all of them hold,
operations to do otherwise. All happens at once or not at all.

  comparisons   mod("KEY") > "0"   create, version, value, lease; =, !=, <, >
                a missing key has mod, create, version and lease 0
  operations    put KEY VALUE, get KEY, del KEY, with the flags of these commands;
                what has blanks goes in "double" or 'single' quotes

Prints SUCCESS or FAILURE (which branch ran), then the answers. Both exit with 0.
)",
       .examples = R"(  printf 'create("lock") = "0"\n\nput lock me\n\nget lock\n\n' | kvctl txn
  kvctl txn move.txn
  kvctl txn -i                                asks for the blocks
)",
       .flags = {{.name = "interactive",
                  .help = "say before each block what is expected",
                  .fallback = "false",
                  .short_name = "i"}},
       .max_arguments = 1,
       .run = RunTxn}};
}

}  // namespace keelson::kvctl
