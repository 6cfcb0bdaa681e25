// What members of one cluster say to each other. Values; the peer transport encodes them.
// Messages may be lost, delayed, duplicated and reordered.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <variant>
#include <vector>

#include "raft/config.h"
#include "raft/entry.h"
#include "raft/types.h"

namespace keelson::raft {

// Names one round of questions, unique over leaders, restarts and retries: an answer that carries
// it was given after the round began (design D5). All zero = none.
struct ReadNonce {
  Term term{};           // of who asks
  uint64_t boot_id = 0;  // of the process that asks
  uint64_t counter = 0;  // grows by one for each round, from 1

  bool IsNone() const { return counter == 0; }
  friend bool operator==(const ReadNonce&, const ReadNonce&) = default;
};

// Opaque to whoever receives it: how the answering process calls this moment. Filled by the node
// layer just before the answer is sent; the core leaves it zero.
struct FreshnessStamp {
  uint64_t stamp = 0;          // the responder's boot-time clock
  uint64_t process_nonce = 0;  // the responder's process; 0 = no stamp

  bool IsNone() const { return process_nonce == 0; }
  friend bool operator==(const FreshnessStamp&, const FreshnessStamp&) = default;
};

// A stamp returned to its owner: whatever was acknowledged to any client before that moment is at
// or below `commit`. Sent only after a quorum round that began after the stamp was received.
struct FreshnessEcho {
  FreshnessStamp stamp{};
  Index commit{};

  friend bool operator==(const FreshnessEcho&, const FreshnessEcho&) = default;
};

// Candidate -> voters. In a pre-vote Message::term is the term that would begin, which nobody
// adopts (thesis 9.6).
struct VoteRequest {
  bool pre = false;
  // The leader asked for this election: followers that hear the leader answer all the same.
  bool transfer = false;
  EntryId last{};  // the end of the candidate's log
};

struct VoteResponse {
  bool pre = false;
  bool granted = false;
};

// Leader -> follower: the entries after `prev`. Empty = "do we agree at prev?" or a new commit.
struct AppendRequest {
  EntryId prev{};
  std::vector<Entry> entries{};
  Index commit{};  // the leader's; may exceed what the entries reach
  ReadNonce read{};
  FreshnessEcho echo{};
};

// Follower -> leader. Accepted: all up to `match` agrees with the leader and is durable here.
// Rejected: nothing at `rejected` agrees; `hint` is where the leader may look next.
struct AppendResponse {
  bool accepted = false;
  Index match{};     // accepted only
  Index rejected{};  // rejected only: prev.index of the refused request
  EntryId hint{};    // rejected only: term 0 = unknown
  ReadNonce read{};
  FreshnessStamp stamp{};
};

// Leader -> everyone, small, on a connection of its own.
struct Heartbeat {
  Index commit{};  // never beyond what the receiver acknowledged
  ReadNonce read{};
  FreshnessEcho echo{};
};

struct HeartbeatResponse {
  ReadNonce read{};  // as in the request; given before the follower's own sync
  Index match{};     // durable here and known to agree with the leader; lets it notice lost appends
  FreshnessStamp stamp{};
};

// Follower -> leader: one for all reads that wait there.
struct ReadIndexRequest {
  ReadNonce nonce{};  // the follower's own
};

struct ReadIndexResponse {
  ReadNonce nonce{};
  Index index{};  // every write acknowledged before the request began is at or below it
};

// Leader -> the follower that shall succeed it: campaign at once (thesis 3.10).
struct TimeoutNow {};

// The state of a snapshot: all entries up to `last` are in it.
struct SnapshotMeta {
  EntryId last{};
  Configuration configuration{};  // as of `last`
  Index configuration_index{};    // where it was appended; 0 = bootstrap

  friend bool operator==(const SnapshotMeta&, const SnapshotMeta&) = default;
};

// Leader -> follower, the head of a stream of state (Core::OfferSnapshot). The receiving node layer
// stages and verifies the stream and only then steps the offer into its core.
struct SnapshotOffer {
  SnapshotMeta meta{};
};

using MessageBody =
    std::variant<VoteRequest, VoteResponse, AppendRequest, AppendResponse, Heartbeat,
                 HeartbeatResponse, ReadIndexRequest, ReadIndexResponse, TimeoutNow, SnapshotOffer>;

struct Message {
  NodeId from{};
  NodeId to{};
  // The sender's term; in a pre-vote request, and in the answer that grants it, the term asked for.
  Term term{};
  // The sender's. 0 = does not say (never from a member of this version).
  uint64_t incarnation = 0;
  MessageBody body{};
};

// One line for logs and transcripts.
std::string Describe(const Message& message);
inline std::ostream& operator<<(std::ostream& out, const Message& message) {
  return out << Describe(message);
}

}  // namespace keelson::raft
