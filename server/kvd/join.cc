#include "server/kvd/join.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/log/logger.h"

namespace keelson::server {
namespace {

using Urls = std::vector<std::string>;

Urls Sorted(Urls urls) {
  std::sort(urls.begin(), urls.end());
  return urls;
}

std::string Show(const std::vector<Urls>& members) {
  return absl::StrJoin(members, " ", [](std::string* out, const Urls& urls) {
    absl::StrAppend(out, absl::StrJoin(urls, ","));
  });
}

// Both lists name the same members.
absl::Status CheckSame(std::vector<Urls> cluster, std::vector<Urls> flag) {
  std::sort(cluster.begin(), cluster.end());
  std::sort(flag.begin(), flag.end());
  if (cluster == flag) return absl::OkStatus();
  const char* const what = cluster.size() != flag.size()
                               ? "member count is unequal"
                               : "unmatched member while checking PeerURLs";
  return absl::FailedPreconditionError(absl::StrCat(
      "error validating peerURLs: ", what, ": the cluster has ", Show(cluster),
      ", --initial-cluster names ", Show(flag),
      "; add this member first (kvctl member add), then name exactly the members there are"));
}

}  // namespace

absl::StatusOr<NodeOptions::Joined> FindOneself(const NodeOptions& options,
                                                const ClusterMembers& said) {
  std::vector<Urls> cluster;
  std::vector<Urls> flag;
  for (const KnownMember& member : said.members) cluster.push_back(Sorted(member.peer_urls));
  for (const auto& [name, urls] : options.initial_cluster) flag.push_back(Sorted(urls));
  if (auto status = CheckSame(std::move(cluster), std::move(flag)); !status.ok()) return status;
  const Urls own = Sorted(options.initial_cluster.at(options.name));
  const auto self =
      std::find_if(said.members.begin(), said.members.end(),
                   [&own](const KnownMember& member) { return Sorted(member.peer_urls) == own; });
  if (self->incarnation != 0) {
    const std::string id = Hex(self->id.value());
    return absl::FailedPreconditionError(absl::StrCat(
        "member ", id, " has already been bootstrapped, on another data directory than --data-dir ",
        options.data_dir, "; without that one it may have forgotten its votes: remove it (kvctl ",
        "member remove ", id, ") and add it as a new member"));
  }
  return NodeOptions::Joined{said.cluster_id, self->id};
}

absl::StatusOr<NodeOptions::Joined> AskWhoIAm(
    const NodeOptions& options,
    const std::function<absl::StatusOr<ClusterMembers>(const std::string& url)>& ask) {
  absl::Status answered;
  std::string unreached;
  for (const auto& [name, urls] : options.initial_cluster) {
    if (name == options.name) continue;
    for (const std::string& url : urls) {
      const auto said = ask(url);
      if (!said.ok()) {
        absl::StrAppend(&unreached, "; ", std::string(said.status().message()));
        continue;
      }
      auto found = FindOneself(options, *said);
      if (found.ok()) return found;
      answered = found.status();
    }
  }
  if (!answered.ok()) return answered;
  return absl::UnavailableError(
      absl::StrCat("cannot fetch cluster info from peer urls: could not retrieve cluster "
                   "information from the given URLs of --initial-cluster",
                   unreached));
}

}  // namespace keelson::server
