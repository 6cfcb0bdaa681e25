// A cluster of real server processes on loopback, in a directory of its own.
//
//   auto cluster = TestCluster::Start({.members = 3});
//   ASSERT_TRUE(cluster.ok()) << cluster.status();
//   (*cluster)->member(0).Kill();
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/harness/ports.h"
#include "tests/harness/server_process.h"
#include "tests/harness/temp_dir.h"

namespace keelson::testing {

struct ClusterOptions {
  int members = 1;
  std::string binary = {};  // empty: FindServerBinary()
  std::vector<std::string> extra_flags = {};
  absl::Duration start_timeout = absl::Seconds(30);
};

// Not thread-safe. Ends all members and removes their data.
class TestCluster {
 public:
  // Starts all members and waits until each is healthy. NotFound if there is no server binary.
  static absl::StatusOr<std::unique_ptr<TestCluster>> Start(ClusterOptions options);

  int size() const { return static_cast<int>(members_.size()); }
  ServerProcess& member(int index) { return *members_[index]; }

  // All members' client addresses, in order.
  std::vector<std::string> endpoints() const;

  // Starts a killed or stopped member again on its data and waits until it is healthy.
  absl::Status Restart(int index, absl::Duration timeout = absl::Seconds(30));

  // One more member, not started: to be added to the cluster by its peer URL, and then to join it
  // by what the members tell it. Its index is size() - 1.
  ServerProcess& PrepareJoiner();
  // The members that --initial-cluster of a joiner names; to be set where others were removed.
  std::string InitialClusterOf(const std::vector<int>& members) const;

  const std::string& dir() const { return dir_.path(); }

 private:
  TestCluster() = default;

  ServerProcess& AddProcess(const std::string& binary, const std::vector<std::string>& flags);

  TempDir dir_;
  std::vector<PortLease> ports_;  // client and peer port of member 0, of member 1, ...
  std::vector<std::unique_ptr<ServerProcess>> members_;
};

}  // namespace keelson::testing
