// endpoint status, endpoint health, endpoint hashkv; defrag.
#include <algorithm>
#include <ostream>

#include "absl/functional/function_ref.h"
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
  if (!invocation.flags().Bool("cluster")) return invocation.endpoints();
  const auto members = invocation.client().cluster().List({.linearizable = false});
  if (!members.ok()) return members.status();
  std::vector<std::string> endpoints;
  for (const client::Member& member : members->members) {
    endpoints.insert(endpoints.end(), member.client_urls.begin(), member.client_urls.end());
  }
  return endpoints;
}

// Asks each endpoint and tells at once which did not answer, and why. Exits with 1 if some did not,
// with 4 if none could be reached.
ExitCode AskEach(Invocation& invocation, const std::vector<std::string>& endpoints,
                 absl::FunctionRef<absl::Status(const std::string&)> ask) {
  size_t failed = 0;
  size_t unreached = 0;
  for (const std::string& endpoint : endpoints) {
    const absl::Status status = ask(endpoint);
    if (status.ok()) continue;
    ++failed;
    if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) ++unreached;
    invocation.err() << "kvctl: " << endpoint << ": " << std::string(status.message()) << "\n";
  }
  if (failed == 0) return kOk;
  return unreached == endpoints.size() ? kUnavailable : kFailed;
}

ExitCode RunStatus(Invocation& invocation) {
  const auto endpoints = Endpoints(invocation);
  if (!endpoints.ok()) return invocation.Report(endpoints.status());
  std::vector<EndpointStatus> statuses;
  const ExitCode code = AskEach(invocation, *endpoints, [&](const std::string& endpoint) {
    const auto status = invocation.client().maintenance().Status(endpoint);
    if (status.ok()) statuses.push_back({.endpoint = endpoint, .status = *status});
    return status.status();
  });
  invocation.writer().EndpointStatuses(statuses);
  return code;
}

ExitCode RunHashKv(Invocation& invocation) {
  const auto endpoints = Endpoints(invocation);
  if (!endpoints.ok()) return invocation.Report(endpoints.status());
  const int64_t revision = invocation.flags().Int("rev");
  std::vector<EndpointHash> hashes;
  const ExitCode code = AskEach(invocation, *endpoints, [&](const std::string& endpoint) {
    const auto hash = invocation.client().maintenance().HashKv(endpoint, revision);
    if (hash.ok()) hashes.push_back({.endpoint = endpoint, .hash = *hash});
    return hash.status();
  });
  invocation.writer().EndpointHashes(hashes);
  return code;
}

ExitCode RunDefrag(Invocation& invocation) {
  const auto endpoints = Endpoints(invocation);
  if (!endpoints.ok()) return invocation.Report(endpoints.status());
  std::vector<EndpointDefrag> reports;
  const ExitCode code = AskEach(invocation, *endpoints, [&](const std::string& endpoint) {
    const absl::Status status = invocation.client().maintenance().Defragment(endpoint);
    reports.push_back({.endpoint = endpoint, .error = std::string(status.message())});
    return status;
  });
  invocation.writer().Defrag(reports);
  return code;
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
       .run = RunHealth},
      {.name = "endpoint hashkv",
       .arguments = "",
       .summary = "Show each member's hash of the keys and their history",
       .details =
           R"(Members with the same REVISION and COMPACTED must have the same HASH: else one of them is damaged. Give
--rev while there are writes, since members are asked one after the other. Exits with 1 if some did
not answer, with 4 if none could be reached.
)",
       .examples = R"(  kvctl endpoint hashkv --cluster
  kvctl endpoint hashkv --cluster --rev 1200 -o json
)",
       .flags = {{.name = "rev",
                  .kind = FlagSpec::Kind::kInt,
                  .value_name = "N",
                  .help = "up to revision N, not the newest of each",
                  .fallback = "0"},
                 ClusterFlag()},
       .default_output = OutputFormat::kTable,
       .run = RunHashKv},
      {.name = "defrag",
       .arguments = "",
       .summary = "Have members give free space back to their disks",
       .details =
           R"(A Keelson member does that by itself and answers at once; etcd's members stop serving until it is
done. Exits with 1 if some did not answer, with 4 if none could be reached.
)",
       .examples = "  kvctl defrag --cluster\n",
       .flags = {ClusterFlag(),
                 RefusedFlag("data-dir", "a data directory of kvd needs no defragmenting")},
       .run = RunDefrag}};
}

}  // namespace keelson::kvctl
