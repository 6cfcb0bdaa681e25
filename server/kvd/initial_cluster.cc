#include "server/kvd/initial_cluster.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"

namespace keelson::server {

absl::StatusOr<std::map<std::string, std::vector<std::string>>> ParseInitialCluster(
    const std::string& text) {
  std::map<std::string, std::vector<std::string>> members;
  for (const std::string& part : SplitUrls(text)) {
    const size_t equals = part.find('=');
    if (equals == std::string::npos || equals == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("--initial-cluster: \"", part, "\" is not NAME=PEER-URL"));
    }
    const std::string url = part.substr(equals + 1);
    if (auto host = HostPortOf("initial-cluster", url); !host.ok()) return host.status();
    for (const auto& [name, urls] : members) {
      if (std::find(urls.begin(), urls.end(), url) != urls.end()) {
        return absl::InvalidArgumentError(
            absl::StrCat("--initial-cluster: ", url, " stands there twice"));
      }
    }
    members[part.substr(0, equals)].push_back(url);
  }
  return members;
}

absl::StatusOr<AutoCompaction> ParseAutoCompaction(const std::string& mode,
                                                   const std::string& retention) {
  AutoCompaction parsed;
  const auto bad = [&](const char* wanted) {
    return absl::InvalidArgumentError(absl::StrCat("--auto-compaction-retention: \"", retention,
                                                   "\" under --auto-compaction-mode=", mode,
                                                   ": want ", wanted));
  };
  int64_t number = 0;
  const bool is_number = absl::SimpleAtoi(retention, &number);
  if (mode == "revision") {
    if (!is_number || number < 0) return bad("a number of revisions; 0 = off");
    if (number > 0) parsed.mode = AutoCompaction::Mode::kRevision;
    parsed.revisions = number;
    return parsed;
  }
  constexpr int64_t kMostHours = 24 * 366 * 100;
  absl::Duration period = absl::Hours(number);
  if (!is_number && !absl::ParseDuration(retention, &period)) {
    return bad("a time such as 10m or 72h, or a number of hours; 0 = off");
  }
  if (period < absl::ZeroDuration() || period > absl::Hours(kMostHours)) {
    return bad("a time between 0 and 100 years");
  }
  parsed.period = absl::ToChronoNanoseconds(period);
  // Ten samples are taken in a period.
  if (period > absl::ZeroDuration() && period < absl::Seconds(1)) return bad("at least 1s");
  if (parsed.period.count() > 0) parsed.mode = AutoCompaction::Mode::kPeriodic;
  return parsed;
}

absl::StatusOr<NodeOptions> NodeOptionsOf(const KvdFlags& flags) {
  NodeOptions options;
  options.name = flags.name;
  options.data_dir = flags.data_dir;
  options.wal_dir = flags.wal_dir;
  options.api_version = flags.api_version;
  options.client_urls = SplitUrls(flags.advertise_client_urls);
  auto members = ParseInitialCluster(flags.initial_cluster);
  if (!members.ok()) return members.status();
  const auto self = members->find(flags.name);
  if (self == members->end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--initial-cluster=", flags.initial_cluster, " doesn't name this member, \"",
                     flags.name, "\"; add it, or set --name to one of its names"));
  }
  std::vector<std::string> advertised = SplitUrls(flags.initial_advertise_peer_urls);
  std::vector<std::string> listed = self->second;
  std::sort(advertised.begin(), advertised.end());
  std::sort(listed.begin(), listed.end());
  if (advertised != listed) {
    return absl::InvalidArgumentError(
        absl::StrCat("--initial-cluster has ", flags.name, "=", absl::StrJoin(listed, ","),
                     " but --initial-advertise-peer-urls is ", absl::StrJoin(advertised, ","),
                     "; they must agree"));
  }
  options.initial_cluster = *std::move(members);
  options.initial_cluster_token = flags.initial_cluster_token;
  options.initial_cluster_existing = flags.initial_cluster_state == "existing";
  options.force_new_cluster = flags.force_new_cluster;
  options.member_rules.strict = flags.strict_reconfig_check;
  options.member_rules.max_learners = static_cast<size_t>(flags.max_learners);
  options.auto_promote = flags.auto_promote;
  // 0, the default, means all the time here.
  if (flags.corrupt_check_time.count() > 0) options.corrupt_check_time = flags.corrupt_check_time;
  options.heartbeat = std::chrono::milliseconds(flags.heartbeat_interval);
  options.election_timeout = std::chrono::milliseconds(flags.election_timeout);
  if (flags.quota_backend_bytes != 0) options.quota_bytes = flags.quota_backend_bytes;
  auto compaction =
      ParseAutoCompaction(flags.auto_compaction_mode, flags.auto_compaction_retention);
  if (!compaction.ok()) return compaction.status();
  options.auto_compaction = *compaction;
  options.keep_log_entries = static_cast<uint64_t>(flags.snapshot_catchup_entries);
  options.slow_apply = flags.warning_apply_duration;
  if (flags.watch_progress_notify_interval.count() != 0) {
    options.watch_progress_interval = flags.watch_progress_notify_interval;
  }
  options.max_txn_ops = flags.max_txn_ops;
  options.max_request_bytes = static_cast<size_t>(flags.max_request_bytes);
  return options;
}

}  // namespace keelson::server
