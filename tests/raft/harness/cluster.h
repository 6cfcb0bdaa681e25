// Several members and the messages between them, driven by hand: nothing moves unless a test says
// so.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "tests/raft/harness/member.h"
#include "tests/raft/harness/oracle.h"

namespace keelson::raft::testing {

// What came out of a member's Readies, summed up.
struct Observed {
  std::vector<ReadState> reads{};
  std::vector<uint64_t> reads_failed{};
  std::vector<IdentityConflict> conflicts{};
  std::vector<SnapshotNeed> snapshot_needs{};
  std::optional<UnknownProposals> unknown{};
  std::optional<StepDown> stepped_down{};
  std::optional<FreshnessEcho> freshness{};
};

class Cluster {
 public:
  // Options common to all; id, incarnation (1000 + id) and boot_id are filled in, and a random
  // source that draws 0 for the member elected last (its timeout is election_ticks) and nearly the
  // largest number, a different one for each, for the others.
  static Options DefaultOptions();
  explicit Cluster(const std::vector<uint64_t>& voters, const std::vector<uint64_t>& learners = {},
                   const Options& options = DefaultOptions());
  // The same with somebody else told of violations.
  Cluster(const std::vector<uint64_t>& voters, const std::vector<uint64_t>& learners,
          const Options& options, std::function<void(const std::string&)> broken);

  // A member that joins later: with an empty configuration and log.
  Member& Join(uint64_t id);
  Member& at(uint64_t id) { return *members_.at(NodeId(id)); }
  const Core& core(uint64_t id) { return at(id).core(); }
  Observed& seen(uint64_t id) { return seen_[NodeId(id)]; }
  bool IsUp(uint64_t id) const { return members_.contains(NodeId(id)); }
  std::vector<Message>& network() { return network_; }
  Oracle& oracle() { return oracle_; }

  // --- Single steps ---
  Ready Turn(uint64_t id);
  void Persist(uint64_t id, size_t count = SIZE_MAX);
  void Tick(uint64_t id, int ticks = 1);
  // Delivers the messages in flight for which `which` holds (those sent meanwhile are left).
  void Deliver(absl::FunctionRef<bool(const Message&)> which);
  void Drop(absl::FunctionRef<bool(const Message&)> which);
  void Step(Message message);

  // --- Whole runs ---
  // Turns, disks and deliveries until nothing moves any more. Time stands still.
  void Settle();
  // Settles after each of `ticks` ticks of everyone.
  void Run(int ticks);
  // Lets time pass for the others until they forget their leader, and for `id` until it leads.
  void Elect(uint64_t id);
  // Proposes and settles; returns the entry's id.
  EntryId Write(uint64_t leader, std::string payload);

  // --- Faults ---
  void Cut(uint64_t from, uint64_t to) { cut_.insert({NodeId(from), NodeId(to)}); }
  void Isolate(uint64_t id);
  void Heal() { cut_.clear(); }
  void StickDisk(uint64_t id) { stuck_.insert(NodeId(id)); }
  void FreeDisk(uint64_t id) { stuck_.erase(NodeId(id)); }
  // Kills the process; `completed` outstanding batches reach the disk.
  void Stop(uint64_t id, size_t completed = 0, bool power_loss = false);
  void Start(uint64_t id);
  void Restart(uint64_t id) { Stop(id), Start(id); }
  // Starts under the old id with another disk: a new incarnation, and the bootstrap state or
  // `image`.
  void StartOnOtherDisk(uint64_t id, uint64_t incarnation,
                        std::optional<Image> image = std::nullopt);
  Image& image(uint64_t id) { return images_[NodeId(id)]; }
  // Streams the applied state of `leader` to `peer`; lost unless `ok`.
  void SendSnapshot(uint64_t leader, NodeId peer, bool ok = true);

 private:
  Options OptionsFor(NodeId id);
  void Make(NodeId id, Image image, uint64_t incarnation);
  void Observe(Member& member, const Ready& ready);
  bool MoveOnce();

  Options options_;
  Configuration bootstrap_;
  Oracle oracle_;
  std::function<void(const std::string&)> broken_;
  std::map<NodeId, std::unique_ptr<Member>> members_;
  std::map<NodeId, Image> images_;  // of stopped members
  std::map<NodeId, uint64_t> incarnations_;
  std::map<NodeId, Observed> seen_;
  std::vector<Message> network_;
  std::set<std::pair<NodeId, NodeId>> cut_;
  std::set<NodeId> stuck_;
  uint64_t boots_ = 0;
  NodeId favourite_{1};
};

// Whether the message is a T; for Deliver and Drop.
template <typename T>
bool Is(const Message& message) {
  return std::holds_alternative<T>(message.body);
}
template <typename T>
const T& As(const Message& message) {
  return std::get<T>(message.body);
}

}  // namespace keelson::raft::testing
