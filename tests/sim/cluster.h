// A simulated cluster: members, network, truth, and the counters of what has happened.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/ledger.h"
#include "tests/sim/sim_member.h"
#include "tests/sim/sim_network.h"
#include "tests/sim/truth.h"
#include "tests/sim/world.h"

namespace keelson::sim {

// Points in a member's life at which a fault hits hardest.
enum class Moment {
  kElected,
  kAskedForVotes,      // those of others; its own is durable
  kLeaderCommitted,    // the first commit of a reign
  kMembershipChanged,  // a configuration came into force
  kCompacted,
  kSnapshotInstalled,
  kLogWritten,  // the work is done, the loop has not heard of it
  kStoreJobDone,
  kStoreSwitched,  // to a received snapshot, or to one made anew after a full disk
};
inline constexpr size_t kMoments = 9;

class SimCluster {
 public:
  SimCluster(uint64_t seed, size_t members);

  World& world() { return world_; }
  Dice& dice() { return world_.dice(); }
  Truth& truth() { return truth_; }
  Ledger& ledger() { return ledger_; }
  SimNetwork& network() { return network_; }
  // All there ever were, also those that are part of the cluster no more.
  std::vector<std::unique_ptr<SimMember>>& members() { return members_; }
  // One that is not retired.
  SimMember& AnyMember();
  SimMember* Find(raft::NodeId id);
  SimMember* Leader();
  // The members of the committed membership, but those that lost their disk.
  std::vector<SimMember*> Current();

  // When a leader last began to time leases, each of which has its full time again from then on.
  Instant leases_timed_since() const { return leases_timed_since_; }

  // A member with an empty disk, ready to be added. Starts at once.
  SimMember& AddSpare();
  // Starts a member after `delay` unless it runs by then, is retired or held down.
  void StartLater(SimMember& member, Duration delay);
  // No fault is left, and every member that is part of the cluster runs or is about to.
  void HealEverything();
  // One member without any fault of its own.
  void HealMember(SimMember& member);

  // Hears of every moment, in the middle of things: do nothing but schedule.
  void OnMoment(std::function<void(Moment, SimMember&)> hook) { on_moment_ = std::move(hook); }
  // Hears of every turn of a member, after it: cut links, count, schedule, do nothing else.
  void AfterTurns(std::function<void(SimMember&, const raft::StateView&)> hook) {
    after_turn_ = std::move(hook);
  }

  // Whether a member takes no writes that grow the data, for want of room. A process that is no
  // member, since the entry that added it was lost, goes on with the alarms that it knows of.
  bool SomeRefuseGrowth();

  void Count(const std::string& what, uint64_t by = 1) { counters_[what] += by; }
  const std::map<std::string, uint64_t>& counters() const { return counters_; }
  // Adds what disks, network and running processes have counted. Once, at the end.
  void CollectCounters();
  // The newest revision at which this member answered a serializable read since it lost power.
  int64_t& LastAnswered(SimMember& member) {
    return last_answered_[{member.id(), member.power_losses()}];
  }
  // The newest revision that a client asked to compact, for those who read around it.
  int64_t& compaction_asked() { return compaction_asked_; }

 private:
  SimMember& AddMember(server::NodeOptions options);
  SimMember::Events MemberEvents();
  void Tell(Moment moment, SimMember& member);
  void CheckAnchor(SimMember& member);
  void OnTurn(SimMember& member, const raft::StateView& before, const raft::StateView& now);
  void NoteDisk(SimMember& member);
  void NoteRoom(SimMember& member);
  void NoteLeases(SimMember& member, const raft::StateView& now);
  void CheckState(SimMember& member);
  void OnFatal(SimMember& member, const absl::Status& status);
  void EndAndStartLater(SimMember& member);
  void OnEnd(SimMember& member);
  void CountDisk(const storage::DiskCounters& disk);

  World world_;
  SimNetwork network_;
  std::map<std::string, uint64_t> counters_;
  Truth truth_;
  Ledger ledger_;
  server::NodeOptions options_;
  std::function<void(Moment, SimMember&)> on_moment_;
  std::function<void(SimMember&, const raft::StateView&)> after_turn_;
  int64_t compaction_asked_ = 1;
  std::map<std::pair<raft::NodeId, uint64_t>, int64_t> last_answered_;
  std::map<raft::NodeId, int64_t> compacted_;  // as last seen at each member
  std::map<raft::NodeId, uint64_t> installed_;
  std::map<raft::NodeId, uint64_t> anchors_;
  std::map<raft::NodeId, bool> refuses_growth_;
  std::map<raft::NodeId, uint64_t> errors_at_start_;  // of its disk, as its process began
  std::map<raft::NodeId, raft::Term>
      committed_in_;  // the last reign in which each led and committed
  std::map<raft::NodeId, raft::Term> timed_leases_in_;  // the same for timing leases
  Instant leases_timed_since_;
  std::vector<std::unique_ptr<SimMember>> members_;
};

}  // namespace keelson::sim
