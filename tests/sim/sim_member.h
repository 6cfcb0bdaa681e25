// One simulated member: a disk that outlives its processes, and the process of the moment.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "raft/state_view.h"
#include "server/api/methods.h"
#include "server/log/logger.h"
#include "server/node/node.h"
#include "storage/fs/faulty_fs.h"
#include "tests/sim/fake_call.h"
#include "tests/sim/sim_loop.h"
#include "tests/sim/sim_network.h"
#include "tests/sim/world.h"

namespace keelson::sim {

class SimMember {
 public:
  struct Events {
    // Every slice of applied changes, on every member, in order.
    std::function<void(SimMember&, std::span<const storage::Change>)> on_applied;
    std::function<void(SimMember&, const absl::Status&)> on_fatal;
  };

  SimMember(World& world, SimNetwork& network, server::NodeOptions options, Events events);
  ~SimMember();

  // Starts a process on the disk as it is. An error is what kvd would have ended with.
  absl::Status Start();
  // kill -9, and the loss of power.
  void Crash();
  void PowerLoss();
  bool up() const { return process_ != nullptr; }
  void Pause();
  void Resume();
  bool paused() const { return paused_; }
  void SetSlowDisk(Duration extra);

  // REQUIRES: up.
  server::Node& node();
  SimLoop& loop();
  // Starts a call of `method`; null where the process is down or not serving yet.
  std::shared_ptr<FakeCall> Call(const std::string& method, const std::string& request,
                                 std::function<void(const std::string&)> on_send,
                                 std::function<void(const absl::Status&)> on_finish);

  const server::NodeOptions& options() const { return options_; }
  raft::NodeId id() const { return id_; }
  storage::FaultyFileSystem& disk() { return disk_; }
  // Counts processes and power losses: answers of one boot never go back, nor over SIGKILL.
  uint64_t starts() const { return starts_; }
  uint64_t power_losses() const { return power_losses_; }
  uint64_t snapshots_installed() const { return snapshots_installed_; }
  uint64_t torn_tails() const { return torn_tails_; }
  const std::string& last_fatal() const { return last_fatal_; }

 private:
  struct Process;
  void End();
  void CheckInvariants();

  World& world_;
  SimNetwork& network_;
  server::NodeOptions options_;
  Events events_;
  storage::FaultyFileSystem disk_;
  server::Logger logger_;
  raft::NodeId id_;
  std::unique_ptr<Process> process_;
  uint64_t starts_ = 0;
  uint64_t power_losses_ = 0;
  uint64_t snapshots_installed_ = 0;
  uint64_t torn_tails_ = 0;
  bool paused_ = false;
  std::string last_fatal_;
};

}  // namespace keelson::sim
