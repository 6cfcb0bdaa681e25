// member list, add, remove, update, promote; move-leader.
#include "absl/strings/str_cat.h"
#include "client/kvctl/command.h"
#include "client/kvctl/text.h"

namespace keelson::kvctl {
namespace {

ExitCode RunMemberList(Invocation& invocation) {
  const ParsedFlags& flags = invocation.flags();
  const bool serializable = flags.Bool("serializable") || flags.String("consistency") == "s";
  const auto result = invocation.client().cluster().List({.linearizable = !serializable});
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
  bool answered = false;
  absl::Status failure;
  for (const std::string& endpoint : invocation.flags().List("endpoints")) {
    const auto status = invocation.client().maintenance().Status(endpoint);
    if (!status.ok()) {
      if (!answered) failure = status.status();
      continue;
    }
    answered = true;
    failure =
        NoLeaderFound(absl::StatusCode::kUnavailable, "the members that answer know no leader");
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

const std::vector<std::string>& PeerUrls(const Invocation& invocation) {
  return invocation.flags().List("peer-urls");
}

ExitCode RunMemberAdd(Invocation& invocation) {
  const std::vector<std::string>& urls = PeerUrls(invocation);
  if (urls.empty()) return invocation.Misused("--peer-urls says where the others find the member");
  const auto result =
      invocation.client().cluster().Add(urls, {.learner = invocation.flags().Bool("learner")});
  if (!result.ok()) return invocation.Report(result.status());
  invocation.writer().MemberAdded({.name = invocation.arguments()[0], .result = *result});
  return kOk;
}

ExitCode Tell(Invocation& invocation, MemberVerb verb, uint64_t id,
              const absl::StatusOr<client::MemberChangeResult>& result) {
  if (!result.ok()) return invocation.Report(result.status());
  invocation.writer().MemberChanged(verb, id, *result);
  return kOk;
}

ExitCode RunMemberRemove(Invocation& invocation) {
  const auto id = ParseMemberId(invocation.arguments()[0]);
  if (!id.ok()) return invocation.Misused(std::string(id.status().message()));
  return Tell(invocation, MemberVerb::kRemoved, *id, invocation.client().cluster().Remove(*id));
}

ExitCode RunMemberUpdate(Invocation& invocation) {
  const auto id = ParseMemberId(invocation.arguments()[0]);
  if (!id.ok()) return invocation.Misused(std::string(id.status().message()));
  const std::vector<std::string>& urls = PeerUrls(invocation);
  if (urls.empty()) return invocation.Misused("--peer-urls says where the others find the member");
  return Tell(invocation, MemberVerb::kUpdated, *id,
              invocation.client().cluster().Update(*id, urls));
}

ExitCode RunMemberPromote(Invocation& invocation) {
  const auto id = ParseMemberId(invocation.arguments()[0]);
  if (!id.ok()) return invocation.Misused(std::string(id.status().message()));
  return Tell(invocation, MemberVerb::kPromoted, *id, invocation.client().cluster().Promote(*id));
}

FlagSpec PeerUrlsFlag() {
  return {.name = "peer-urls",
          .kind = FlagSpec::Kind::kList,
          .value_name = "URLS",
          .help = "where the other members find it, comma-separated"};
}

Command MemberCommand(const char* name, const char* arguments, const char* summary,
                      ExitCode (*run)(Invocation&)) {
  return {.name = name,
          .arguments = arguments,
          .summary = summary,
          .details = {},
          .examples = {},
          .min_arguments = 1,
          .max_arguments = 1,
          .run = run};
}

Command ListCommand() {
  Command list = MemberCommand("member list", "", "List the members of the cluster", RunMemberList);
  list.examples = R"(  kvctl member list
  kvctl member list --serializable            without a majority, too
)";
  list.flags = {{.name = "serializable",
                 .help = "as the asked member knows it; answers without a majority",
                 .fallback = "false"},
                {.name = "consistency",
                 .kind = FlagSpec::Kind::kString,
                 .value_name = "l|s",
                 .help = "linearizable or serializable, as etcdctl spells it",
                 .fallback = "l",
                 .choices = {"l", "s"}}};
  list.min_arguments = list.max_arguments = 0;
  list.default_output = OutputFormat::kTable;
  return list;
}

Command MoveLeaderCommand() {
  Command move = MemberCommand("move-leader", "MEMBER_ID",
                               "Have the leader hand over to another member", RunMoveLeader);
  move.details =
      R"(The leader is found by itself. Nothing is lost by it; writes wait meanwhile, for milliseconds. For a
moment when the leader's machine is about to be stopped.
)";
  move.examples = R"(  kvctl member list                           shows the ids
  kvctl move-leader 8e9e05c52164694d
)";
  return move;
}

}  // namespace

std::vector<Command> MemberCommands() {
  Command add =
      MemberCommand("member add", "NAME", "Add a member, to be started then", RunMemberAdd);
  add.details =
      R"(Prints what to start it with: the ETCD_ lines are environment variables that kvd reads. Add it as a
learner where it has much to catch up with, and promote it then: a voter counts from the beginning.
Refused where the voters that work would be no majority without it; a learner may be added then.
)";
  add.examples = R"(  kvctl member add m3 --peer-urls http://10.0.0.4:2380 --learner
)";
  add.flags = {PeerUrlsFlag(),
               {.name = "learner",
                .help = "gets all data, does not vote until it is promoted",
                .fallback = "false"}};
  Command remove =
      MemberCommand("member remove", "ID", "Remove a member for good", RunMemberRemove);
  remove.details =
      "Its process stops. To come back it needs an empty data directory, and to be added anew.\n"
      "Refused where the members that work would be no majority any more.\n";
  remove.examples = "  kvctl member remove 8e9e05c52164694d\n";
  Command update =
      MemberCommand("member update", "ID", "Change a member's peer URLs", RunMemberUpdate);
  update.details = "Then start the member with these as its --initial-advertise-peer-urls.\n";
  update.examples = "  kvctl member update 8e9e05c52164694d --peer-urls http://10.0.0.9:2380\n";
  update.flags = {PeerUrlsFlag()};
  Command promote = MemberCommand("member promote", "ID", "Let a learner vote", RunMemberPromote);
  promote.details = "Refused until it has caught up with the leader: try again.\n";
  promote.examples = "  kvctl member promote 8e9e05c52164694d\n";
  return {ListCommand(), add, remove, update, promote, MoveLeaderCommand()};
}

}  // namespace keelson::kvctl
