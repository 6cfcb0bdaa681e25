// member list; move-leader.
#include "absl/strings/str_cat.h"
#include "client/kvctl/command.h"
#include "client/kvctl/text.h"

namespace keelson::kvctl {
namespace {

ExitCode RunMemberList(Invocation& invocation) {
  const auto result = invocation.client().cluster().List(
      {.linearizable = !invocation.flags().Bool("serializable")});
  if (!result.ok()) return invocation.Report(result.status());
  invocation.writer().MemberList(*result);
  return kOk;
}

struct Leader {
  uint64_t id;
  std::string endpoint;
};

absl::Status NoLeaderFound(absl::StatusCode code, const std::string& text) {
  return client::WithOutcome(absl::Status(code, text), client::Outcome::kFailed);
}

// Among --endpoints, or at the addresses that the cluster knows.
absl::StatusOr<Leader> FindLeader(Invocation& invocation) {
  uint64_t id = 0;
  absl::Status failure =
      NoLeaderFound(absl::StatusCode::kUnavailable, "the members that answer know no leader");
  for (const std::string& endpoint : invocation.flags().List("endpoints")) {
    const auto status = invocation.client().maintenance().Status(endpoint);
    if (!status.ok()) {
      failure = status.status();
      continue;
    }
    if (status->is_leader()) return Leader{.id = status->leader, .endpoint = endpoint};
    if (status->leader != 0) id = status->leader;
  }
  if (id == 0) return failure;
  const auto members = invocation.client().cluster().List({.linearizable = false});
  if (!members.ok()) return members.status();
  for (const client::Member& member : members->members) {
    if (member.id != id || member.client_urls.empty()) continue;
    return Leader{.id = id, .endpoint = member.client_urls.front()};
  }
  return NoLeaderFound(
      absl::StatusCode::kNotFound,
      absl::StrCat("the leader, ", HexId(id),
                   ", has told the cluster no client address; name it in --endpoints"));
}

ExitCode RunMoveLeader(Invocation& invocation) {
  const auto target = ParseMemberId(invocation.arguments()[0]);
  if (!target.ok()) return invocation.Misused(std::string(target.status().message()));
  const auto leader = FindLeader(invocation);
  if (!leader.ok()) return invocation.Report(leader.status());
  const absl::Status moved =
      invocation.client().maintenance().MoveLeader(leader->endpoint, *target);
  if (!moved.ok()) return invocation.Report(moved);
  invocation.writer().MoveLeader(leader->id, *target);
  return kOk;
}

}  // namespace

std::vector<Command> MemberCommands() {
  return {
      {.name = "member list",
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
       .run = RunMemberList},
      {.name = "move-leader",
       .arguments = "MEMBER_ID",
       .summary = "Have the leader hand over to another member",
       .details =
           R"(The leader is found by itself. Nothing is lost by it; writes wait meanwhile, for milliseconds. For a
moment when the leader's machine is about to be stopped.
)",
       .examples = R"(  kvctl member list                           shows the ids
  kvctl move-leader 8e9e05c52164694d
)",
       .min_arguments = 1,
       .max_arguments = 1,
       .run = RunMoveLeader}};
}

}  // namespace keelson::kvctl
