// Leases as a member serves them: keep-alives and questions go to the leader, expiry through the
// log. The deadlines themselves are the LeaseTable's. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "absl/status/status.h"
#include "raft/types.h"
#include "server/apply/applier.h"
#include "server/lease/lease_table.h"
#include "server/node/peer_network.h"
#include "server/node/seams.h"

namespace keelson::server {

// What the leader said of a lease.
struct LeaseWord {
  bool found = false;
  int64_t ttl_seconds = 0;  // keep-alive: granted; question: what remains
  int64_t granted_seconds = 0;
};

class LeaseDesk {
 public:
  using Done = std::function<void(absl::Status, LeaseWord)>;

  // What the desk asks of the node.
  struct Node {
    // Of this start of the member: an answer to the process before it is not taken for one's own.
    uint64_t boot_id = 0;
    std::function<Instant()> now;
    std::function<bool()> is_leader;
    std::function<raft::NodeId()> leader;
    // Calls back once leadership was proven after now and all acknowledged writes are applied.
    std::function<void(std::function<void(absl::Status)>)> when_readable;
    std::function<bool(raft::NodeId to, PeerMessage message)> send;
    // Proposes the end of leases under this very leadership; false if it was surely not appended.
    std::function<bool(const std::vector<int64_t>& ids)> propose_expiry;
    // The same of what is left of leases. All members read such entries.
    std::function<bool()> may_checkpoint;
    std::function<bool(const std::vector<LeaseCheckpoint>&)> propose_checkpoints;
  };

  LeaseDesk(LeaseTable* table, Node node, Duration election_timeout);

  // From clients of this member.
  void KeepAlive(int64_t lease, Done done) { Ask(LeaseQuestion::Kind::kKeepAlive, lease, done); }
  void TimeToLive(int64_t lease, Done done) { Ask(LeaseQuestion::Kind::kTimeToLive, lease, done); }

  // From other members.
  void OnQuestion(raft::NodeId from, const LeaseQuestion& question);
  void OnAnswer(const LeaseAnswer& answer);

  // From the apply step.
  void OnApplied(const std::vector<LeaseChange>& changes);

  // Every tick: proposes what ran out, asks the leader again, gives up on what took too long.
  void Tick(bool quorum_contact);
  // This member leads, and has applied the first entry of its term / leads no more.
  void OnPromoted();
  void OnDemoted();

  void FailAll(const absl::Status& status);

 private:
  struct Asked {
    LeaseQuestion question;
    Done done;
    Instant since;
    bool sent = false;
  };

  void Ask(LeaseQuestion::Kind kind, int64_t lease, Done done);
  void Try(Asked* asked);
  void AnswerAsLeader(const LeaseQuestion& question, std::function<void(LeaseAnswer)> reply);
  void ClearCheckpoint(const LeaseQuestion& question, std::function<void(LeaseAnswer)> reply);
  void RenewAgain(int64_t lease);
  void ProposeCheckpoints(Instant now);
  void RenewAsLeader(const LeaseQuestion& question, std::function<void(LeaseAnswer)> reply);
  void Finish(uint64_t sequence, const absl::Status& status, LeaseWord word);

  // A keep-alive that waits for its lease's checkpoint to be taken back.
  struct Waiting {
    LeaseQuestion question;
    std::function<void(LeaseAnswer)> reply;
  };

  static constexpr size_t kExpiriesPerEntry = 500;
  // Writes take turns with the ends of very many leases: 10,000 of these a second at 100 ms a tick.
  static constexpr int kExpiryEntriesPerTick = 2;
  static constexpr Duration kGiveUp = std::chrono::milliseconds(3500);

  LeaseTable* table_;
  Node node_;
  Duration election_timeout_;
  uint64_t last_sequence_;
  std::map<uint64_t, Asked> asked_;
  std::map<int64_t, std::vector<Waiting>> clearing_;  // by lease: this is on its way to the log
};

}  // namespace keelson::server
