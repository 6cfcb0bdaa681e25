// endpoint status, endpoint health.
#include <algorithm>
#include <ostream>

#include "client/kvctl/command.h"

namespace keelson::kvctl {
namespace {

FlagSpec ClusterFlag() {
  return {.name = "cluster",
          .help = "every member that the cluster knows, not only --endpoints",
          .fallback = "false"};
}

// Which endpoints are meant: those named, or with --cluster those of all members.
absl::StatusOr<std::vector<std::string>> Endpoints(Invocation& invocation) {
  if (!invocation.flags().Bool("cluster")) return invocation.flags().List("endpoints");
  const auto members = invocation.client().cluster().List({.linearizable = false});
  if (!members.ok()) return members.status();
  std::vector<std::string> endpoints;
  for (const client::Member& member : members->members) {
    endpoints.insert(endpoints.end(), member.client_urls.begin(), member.client_urls.end());
  }
  return endpoints;
}

ExitCode RunStatus(Invocation& invocation) {
  const auto endpoints = Endpoints(invocation);
  if (!endpoints.ok()) return invocation.Report(endpoints.status());
  std::vector<EndpointStatus> statuses;
  absl::Status failure;
  for (const std::string& endpoint : *endpoints) {
    const auto status = invocation.client().maintenance().Status(endpoint);
    if (status.ok()) {
      statuses.push_back({.endpoint = endpoint, .status = *status});
      continue;
    }
    failure = status.status();
    invocation.err() << "kvctl: " << endpoint << ": " << std::string(failure.message()) << "\n";
  }
  invocation.writer().EndpointStatuses(statuses);
  if (failure.ok()) return kOk;
  return statuses.empty() ? kUnavailable : kFailed;
}

ExitCode RunHealth(Invocation& invocation) {
  const auto endpoints = Endpoints(invocation);
  if (!endpoints.ok()) return invocation.Report(endpoints.status());
  std::vector<client::MemberHealth> reports;
  for (const std::string& endpoint : *endpoints) {
    reports.push_back(invocation.client().maintenance().Health(endpoint));
  }
  invocation.writer().EndpointHealth(reports);
  const bool all = std::all_of(reports.begin(), reports.end(),
                               [](const client::MemberHealth& report) { return report.healthy; });
  return all ? kOk : kFailed;
}

}  // namespace

std::vector<Command> EndpointCommands() {
  return {
      {.name = "endpoint status",
       .arguments = "",
       .summary = "Show what each member says about itself",
       .details =
           R"(Version, size, role, term, log position. Members answer without a majority, too. Exits with 1 if
some did not answer, with 4 if none did.
)",
       .examples = R"(  kvctl endpoint status --cluster
  kvctl endpoint status --endpoints 127.0.0.1:2379,127.0.0.1:22379 -o json
)",
       .flags = {ClusterFlag()},
       .default_output = OutputFormat::kTable,
       .run = RunStatus},
      {.name = "endpoint health",
       .arguments = "",
       .summary = "Check that each member takes part",
       .details =
           R"(A member is healthy when it answers a linearizable read, which takes a majority. Exits with 1 if
one is not.
)",
       .examples = "  kvctl endpoint health --cluster\n",
       .flags = {ClusterFlag()},
       .default_output = OutputFormat::kTable,
       .run = RunHealth}};
}

}  // namespace keelson::kvctl
