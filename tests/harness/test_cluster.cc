#include "tests/harness/test_cluster.h"

#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
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
  std::vector<int> all;
  for (int index = 0; index < options.members; ++index) {
    cluster->AddProcess(options.binary, options.extra_flags);
    all.push_back(index);
  }
  for (auto& member : cluster->members_) {
    member->mutable_config().initial_cluster = cluster->InitialClusterOf(all);
    if (auto status = member->Start(); !status.ok()) return status;
  }
  for (auto& member : cluster->members_) {
    if (auto status = member->WaitHealthy(options.start_timeout); !status.ok()) return status;
  }
  return cluster;
}

ServerProcess& TestCluster::AddProcess(const std::string& binary,
                                       const std::vector<std::string>& flags) {
  const std::string name = absl::StrCat("m", members_.size());
  const int client_port = ports_.emplace_back().port();
  const int peer_port = ports_.emplace_back().port();
  members_.push_back(
      std::make_unique<ServerProcess>(ServerConfig{.binary = binary,
                                                   .name = name,
                                                   .data_dir = dir() + "/" + name,
                                                   .log_path = dir() + "/" + name + ".log",
                                                   .client_port = client_port,
                                                   .peer_port = peer_port,
                                                   .extra_flags = flags}));
  return *members_.back();
}

std::string TestCluster::InitialClusterOf(const std::vector<int>& members) const {
  std::vector<std::string> named;
  for (const int index : members) {
    named.push_back(absl::StrCat(members_[index]->config().name, "=", members_[index]->peer_url()));
  }
  return absl::StrJoin(named, ",");
}

ServerProcess& TestCluster::PrepareJoiner() {
  const ServerConfig& first = member(0).config();
  ServerProcess& joiner = AddProcess(first.binary, first.extra_flags);
  std::vector<int> all(members_.size());
  std::iota(all.begin(), all.end(), 0);
  joiner.mutable_config().initial_cluster = InitialClusterOf(all);
  joiner.mutable_config().initial_cluster_state = "existing";
  return joiner;
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
