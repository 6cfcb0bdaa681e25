#include "tests/harness/test_cluster.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace keelson::testing {

absl::StatusOr<std::unique_ptr<TestCluster>> TestCluster::Start(ClusterOptions options) {
  KEELSON_CHECK(options.members > 0, "a cluster has members");
  if (options.binary.empty()) {
    const auto found = FindServerBinary();
    if (!found) return absl::NotFoundError(MissingServerMessage());
    options.binary = *found;
  }
  std::unique_ptr<TestCluster> cluster(new TestCluster);
  cluster->ports_.reserve(2 * options.members);
  std::string initial_cluster;
  for (int index = 0; index < options.members; ++index) {
    cluster->ports_.emplace_back();
    cluster->ports_.emplace_back();
    absl::StrAppend(&initial_cluster, index == 0 ? "" : ",", "m", index,
                    "=http://127.0.0.1:", cluster->ports_.back().port());
  }
  for (int index = 0; index < options.members; ++index) {
    const std::string name = absl::StrCat("m", index);
    cluster->members_.push_back(std::make_unique<ServerProcess>(
        ServerConfig{.binary = options.binary,
                     .name = name,
                     .data_dir = cluster->dir() + "/" + name,
                     .log_path = cluster->dir() + "/" + name + ".log",
                     .client_port = cluster->ports_[2 * index].port(),
                     .peer_port = cluster->ports_[2 * index + 1].port(),
                     .initial_cluster = initial_cluster,
                     .extra_flags = options.extra_flags}));
    if (auto status = cluster->member(index).Start(); !status.ok()) return status;
  }
  for (auto& member : cluster->members_) {
    if (auto status = member->WaitHealthy(options.start_timeout); !status.ok()) return status;
  }
  return cluster;
}

std::vector<std::string> TestCluster::endpoints() const {
  std::vector<std::string> result;
  for (const auto& member : members_) result.push_back(member->endpoint());
  return result;
}

absl::Status TestCluster::Restart(int index, absl::Duration timeout) {
  if (auto status = member(index).Start(); !status.ok()) return status;
  return member(index).WaitHealthy(timeout);
}

}  // namespace keelson::testing
