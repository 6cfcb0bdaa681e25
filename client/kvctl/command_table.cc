#include <iterator>
#include <ostream>

#include "client/kvctl/command.h"
#include "client/kvctl/run.h"

namespace keelson::kvctl {
namespace {

ExitCode RunVersion(Invocation& invocation) {
  invocation.out() << "kvctl version: " << kVersion << "\nAPI version: " << kApiVersion << "\n";
  return kOk;
}

Command VersionCommand() {
  return {.name = "version",
          .arguments = "",
          .summary = "Print kvctl's version",
          .details = "`kvctl endpoint status` shows those of the members.\n",
          .examples = "  kvctl version\n",
          .run = RunVersion};
}

}  // namespace

const std::vector<Command>& AllCommands() {
  static const auto* commands = [] {
    auto* all = new std::vector<Command>;
    for (const auto family :
         {KvCommands, TreeCommands, DiffCommands, HistoryCommands, TxnCommands, WatchCommands,
          LeaseCommands, ClaimCommands, MemberCommands, EndpointCommands, TopCommands,
          DoctorCommands, CheckCommands, AlarmCommands, SnapshotCommands, TransferCommands,
          MirrorCommands, ProfileCommands, CompletionCommands}) {
      auto part = family();
      all->insert(all->end(), std::make_move_iterator(part.begin()),
                  std::make_move_iterator(part.end()));
    }
    all->push_back(VersionCommand());
    return all;
  }();
  return *commands;
}

}  // namespace keelson::kvctl
