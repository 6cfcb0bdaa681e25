// member list.
#include "client/kvctl/command.h"

namespace keelson::kvctl {
namespace {

ExitCode RunMemberList(Invocation& invocation) {
  const auto result = invocation.client().cluster().List(
      {.linearizable = !invocation.flags().Bool("serializable")});
  if (!result.ok()) return invocation.Report(result.status());
  invocation.writer().MemberList(*result);
  return kOk;
}

}  // namespace

std::vector<Command> MemberCommands() {
  return {{.name = "member list",
           .arguments = "",
           .summary = "List the members of the cluster",
           .details = {},
           .examples = R"(  kvctl member list
  kvctl member list --serializable            without a majority, too
)",
           .flags = {{.name = "serializable",
                      .help = "as the asked member knows it; answers without a majority",
                      .fallback = "false"}},
           .default_output = OutputFormat::kTable,
           .run = RunMemberList}};
}

}  // namespace keelson::kvctl
