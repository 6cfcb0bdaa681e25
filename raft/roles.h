// The roles as values: what a member knows only while it plays one. See the diagram in README.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <variant>

#include "absl/container/btree_map.h"
#include "raft/message.h"
#include "raft/progress.h"
#include "raft/read_rounds.h"
#include "raft/types.h"

namespace keelson::raft {

struct Follower {
  NodeId leader{};               // none = not known
  uint64_t heard_at = 0;         // tick of the leader's last message
  bool connection_lost = false;  // since then
  // The log is known to agree with the leader of this term up to here. Only this may be
  // acknowledged.
  Index verified{};
  Index acked{};         // last AppendResponse of this term
  bool ack_due = false;  // the leader waits for one
  ReadNonce echo{};      // to return with the next answer
};

using Votes = absl::btree_map<NodeId, bool>;

// Asks whether an election could be won; has no leader, and its term is still the old one.
struct PreCandidate {
  Votes votes{};
};

// Its own vote counts once it is durable.
struct Candidate {
  Votes votes{};
  uint64_t began_at = 0;  // tick
  // Of those who answered.
  absl::btree_map<NodeId, uint64_t> incarnations{};
  absl::btree_map<NodeId, uint64_t> heard_at{};  // tick of the last message, whatever it said
};

// The stamps of one peer on their way back to it (design D5).
struct Freshness {
  FreshnessEcho latest{};     // came in with the last answer
  FreshnessEcho riding{};     // `latest` when the running round began
  FreshnessEcho confirmed{};  // `riding` when its round was confirmed: this is returned
};

struct Peer {
  Peer(Index next, uint64_t now) : progress(next), heard_at(now) {}

  Progress progress;
  uint64_t heard_at{};            // tick of its last message; its addition counts as one
  uint64_t incarnation_seen = 0;  // of the first message that told it; 0: none has
  Index commit_sent{};
  Index match_at_heartbeat{};  // progress when the last heartbeat was due
  bool forgot = false;  // its last heartbeat answer knew of less than it acknowledged: restarted
  bool verify_due = false;  // ask by an empty append whether it has all that was sent
  Freshness freshness{};
  // The configuration entry that drops this peer; it is served until it knows, or for a while.
  Index leaves_at{};
  uint64_t leaves_until = 0;
};

struct Transfer {
  NodeId target{};
  uint64_t deadline = 0;  // tick
};

// The cost of the proposals of this term that are not committed.
class UncommittedBudget {
 public:
  size_t bytes() const { return bytes_; }
  // Entries are added in the order of the log, starting behind the one a leader begins with.
  void Add(size_t cost) {
    costs_.push_back(cost);
    bytes_ += cost;
  }
  void Commit(uint64_t entries) {
    for (; entries > 0 && !costs_.empty(); --entries) {
      bytes_ -= costs_.front();
      costs_.pop_front();
    }
  }

 private:
  std::deque<size_t> costs_;
  size_t bytes_ = 0;
};

struct Leader {
  Leader(Term term, uint64_t boot_id, Index start, uint64_t now)
      : term_start(start), quorum_contact_at(now), reads(term, boot_id) {}

  Index term_start{};  // the first entry of this term; all from here on are of this term
  absl::btree_map<NodeId, Peer> peers{};
  uint64_t heartbeat_at = 0;  // tick of the last heartbeat
  bool heartbeat_due = false;
  uint64_t quorum_contact_at{};  // when the last confirmed round, or the election, began
  ReadRounds reads;
  bool round_began = false;         // its nonce has not been sent yet
  bool round_of_heartbeat = false;  // the round in flight: its echoes are sent once it is confirmed
  bool echo_due = false;            // such a round was confirmed
  UncommittedBudget uncommitted{};
  std::optional<Transfer> transfer{};
  bool resign = false;      // its removal is committed
  bool record_due = false;  // an incarnation was heard that no configuration has
};

using Role = std::variant<Follower, PreCandidate, Candidate, Leader>;

}  // namespace keelson::raft
