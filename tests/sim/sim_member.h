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
    // After each turn, with what the core believed after the one before.
    std::function<void(SimMember&, const raft::StateView& before, const raft::StateView& now)>
        on_turn;
    // A job's work is done; its loop does not know yet.
    std::function<void(SimMember&, server::Runner::Lane)> on_work_done;
    std::function<void(SimMember&, const absl::Status&)> on_fatal;
    // Its process is about to end.
    std::function<void(SimMember&)> on_end;
    // The running process has made another store its own, and its log does not know. May be unset.
    std::function<void(SimMember&)> on_store_switched = nullptr;
    // Each line of its log. May be unset.
    std::function<void(SimMember&, std::string_view line)> on_log = nullptr;
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

  // The disk is replaced by an empty one, as after its loss. REQUIRES: down.
  void Wipe();
  // Until the cluster has taken the empty disk for the one that it had not known yet.
  bool wiped() const { return wiped_; }
  void TakeAsFirstDisk() { wiped_ = false; }
  // It is part of no cluster any more and starts never again.
  void Retire();
  bool retired() const { return retired_; }
  // While held down it is started by nobody.
  void SetHeldDown(bool held) { held_down_ = held; }
  bool held_down() const { return held_down_; }

  // REQUIRES: up.
  server::Node& node();
  SimLoop& loop();
  // Starts a call of `method`; null where the process is down or not serving yet.
  std::shared_ptr<FakeCall> Call(const std::string& method, const std::string& request,
                                 std::function<void(const std::string&)> on_send,
                                 std::function<void(const absl::Status&)> on_finish,
                                 const FakeCall::Metadata& metadata = {});
  // How late a client hears of an answer.
  static constexpr Duration kOnTheWay = std::chrono::microseconds(20);
  // How wrong the rate of a machine's clock may be: what Freshness::kDriftDivisor allows.
  static constexpr int64_t kClockPpm = 1000;

  const server::NodeOptions& options() const { return options_; }
  // The binary is exchanged for one that reads log entries up to `version`. From the next start.
  void SetEntryVersion(uint32_t version) { options_.entry_version = version; }
  const std::string& name() const { return options_.name; }
  raft::NodeId id() const { return id_; }
  storage::FaultyFileSystem& disk() { return *disk_; }
  // Counts processes and power losses: answers of one boot never go back, nor over SIGKILL.
  uint64_t starts() const { return starts_; }
  uint64_t power_losses() const { return power_losses_; }
  // Of the disks that were lost with Wipe.
  const std::vector<storage::DiskCounters>& lost_disks() const { return lost_disks_; }

 private:
  struct Process;
  void AddServices(Process& process);
  void BreakOff();
  void EndTurn();

  World& world_;
  SimNetwork& network_;
  server::NodeOptions options_;
  Events events_;
  std::shared_ptr<storage::FaultyFileSystem> disk_;
  std::vector<storage::DiskCounters> lost_disks_;
  server::Logger logger_;
  raft::NodeId id_;
  const int64_t clock_ppm_;  // of its machine
  std::unique_ptr<Process> process_;
  uint64_t starts_ = 0;
  uint64_t power_losses_ = 0;
  bool paused_ = false;
  bool wiped_ = false;
  bool retired_ = false;
  bool held_down_ = false;
};

}  // namespace keelson::sim
