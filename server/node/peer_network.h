// The network seam: messages to and from the other members.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "raft/message.h"
#include "raft/types.h"
#include "server/node/member_change.h"
#include "server/node/state_piece.h"

namespace keelson::server {

// A proposal that a follower passes to the leader of `term`. Another one refuses it, so it is in
// the log under this term or not at all: an applied entry of a later one tells which. Without a
// term (none: the receiver may be of a version that doesn't look) it is sent once and never again.
struct ForwardProposal {
  uint64_t sequence = 0;  // of the sender; names it in ForwardRefused
  std::shared_ptr<const std::string> payload;
  raft::Term term{};
};

// The proposal `sequence`, as it was sent for `term`, was surely not appended.
struct ForwardRefused {
  enum class Reason : uint8_t { kNotLeader = 0, kOverloaded = 1, kTransferring = 2 };
  uint64_t sequence = 0;
  Reason reason = Reason::kNotLeader;
  raft::Term term{};
};

// A question that only the leader can answer, forwarded by another member.
struct LeaseQuestion {
  enum class Kind : uint8_t { kKeepAlive = 0, kTimeToLive = 1 };
  uint64_t sequence = 0;
  Kind kind = Kind::kKeepAlive;
  int64_t lease = 0;
};

struct LeaseAnswer {
  enum class Outcome : uint8_t { kOk = 0, kNotFound = 1, kNotLeader = 2 };
  uint64_t sequence = 0;
  Outcome outcome = Outcome::kOk;
  int64_t ttl_seconds = 0;  // keep-alive: granted; time-to-live: what remains
  int64_t granted_ttl_seconds = 0;
};

// A change of the membership, which only the leader can begin, forwarded by another member.
struct MemberQuestion {
  uint64_t sequence = 0;
  MemberChange change;
};

struct MemberAnswer {
  uint64_t sequence = 0;
  MemberOutcome outcome = MemberOutcome::kBegun;
  raft::NodeId member;  // kBegun: whom it is about
  raft::EntryId entry;  // kBegun: the change is made once this is committed
};

// How does your state hash, in this piece? Of the leader.
struct StateQuestion {
  uint64_t sequence = 0;
  raft::Index applied;   // of the state that the leader has hashed
  int64_t revision = 0;  // of that state
  StatePiece piece;
};

struct StateAnswer {
  // kOtherRevision: having applied the same, or more, this member is not at, or has not reached,
  // the revision that the leader is at.
  enum class Outcome : uint8_t { kHashed = 0, kBehind = 1, kCannot = 2, kOtherRevision = 3 };
  uint64_t sequence = 0;
  Outcome outcome = Outcome::kHashed;
  uint32_t hash = 0;  // kHashed
};

// One piece of a snapshot. The first piece carries the manifest and no data.
struct SnapshotChunk {
  uint64_t stream = 0;     // chosen by the sender, names this transfer
  raft::EntryId snapshot;  // the state the files hold
  raft::Term term;         // the leader's term
  std::string manifest;    // encoded storage manifest, first chunk only
  uint32_t file = 0;       // index into the manifest
  uint64_t offset = 0;
  std::string data;
  bool last = false;  // nothing follows in this stream
};

struct SnapshotChunkAck {
  enum class State : uint8_t { kContinue = 0, kInstalled = 1, kRefused = 2 };
  uint64_t stream = 0;
  uint64_t received_bytes = 0;  // flow control: the sender keeps a window of unacknowledged bytes
  State state = State::kContinue;
  std::string reason;  // for kRefused
};

using PeerMessage = std::variant<raft::Message, ForwardProposal, ForwardRefused, LeaseQuestion,
                                 LeaseAnswer, MemberQuestion, MemberAnswer, StateQuestion,
                                 StateAnswer, SnapshotChunk, SnapshotChunkAck>;

// Which of the three connections to a peer a message takes.
enum class PeerChannel : uint8_t {
  kUrgent = 0,    // heartbeats, votes, read rounds, small questions
  kBulk = 1,      // appends with entries and their answers, proposals
  kSnapshot = 2,  // snapshot chunks and their acks
};

// The channel for a message; one function so that all implementations agree.
PeerChannel ChannelOf(const PeerMessage& message);

// What the transport says of a member when a connection's handshake is done.
struct PeerHello {
  raft::NodeId id;
  uint64_t incarnation = 0;
  uint64_t process_nonce = 0;
  uint32_t version = 0;                // the agreed protocol version
  uint32_t entry_version = 0;          // the newest log entries that it reads
  std::vector<std::string> peer_urls;  // where it says that it listens
};

// A member as it is told to one that wants to join.
struct KnownMember {
  raft::NodeId id;
  uint64_t incarnation = 0;  // 0: it has not started yet
  std::vector<std::string> peer_urls;
};

// Why two members don't talk. The values are those of keelson.v1.PeerRefusalReason.
enum class PeerRefusal : uint8_t {
  kNone = 0,
  kOtherCluster = 1,
  kWrongMember = 2,
  kUnknownMember = 3,
  kRemovedMember = 4,
  kWrongIncarnation = 5,
  kNoCommonVersion = 6,
  kFormatTooOld = 7,
  kMalformed = 8,
};

// A handshake that failed for a reason which waiting alone does not cure.
struct PeerFault {
  raft::NodeId peer;     // who it was, as far as it said so; 0 = unknown
  bool by_peer = false;  // the peer refused this member, else this member refused it
  PeerRefusal reason = PeerRefusal::kNone;
  std::string detail;  // for people: what differs and what to do
};

// Loop thread only.
class PeerNetwork {
 public:
  struct Events {
    std::function<void(raft::NodeId from, PeerMessage message)> on_message;
    // Once for each connection.
    std::function<void(const PeerHello& peer)> on_connected;
    // At most once a turn for each peer, and never from inside a call of this interface. A
    // connection to or from the peer closed or could not be made; it is tried again by itself.
    std::function<void(raft::NodeId peer)> on_closed;
    // Asked in a handshake, once cluster and versions agree: kNone, kUnknownMember, kRemovedMember
    // or kWrongIncarnation. A member that is admitted without being in the set of SetPeers (this
    // one may have missed its admission) is talked to at the URLs it names while it stays
    // connected. Asked again after SetPeers. Absent: exactly the members of the set.
    std::function<PeerRefusal(const PeerHello& peer)> admit = nullptr;
    // The members, for one that wants to join. Absent: such questions are refused.
    std::function<std::vector<KnownMember>()> members = nullptr;
    // kRemovedMember by a peer: this member is no longer part of the cluster.
    std::function<void(const PeerFault& fault)> on_refused = nullptr;
  };

  virtual ~PeerNetwork() = default;

  // REQUIRES: called once, before anything else.
  virtual void SetEvents(Events events) = 0;

  // The members to talk to and their peer URLs ("http://10.0.0.1:2380"); replaces the former set.
  // Connections to members that are no longer in it are closed.
  virtual void SetPeers(const std::map<raft::NodeId, std::vector<std::string>>& peers) = 0;

  // The newest log entries that may be in the log from now on: who can't read them is refused in a
  // handshake. 1 until it is called.
  virtual void SetRequiredEntryVersion(uint32_t version) = 0;

  // Whether a message for that connection would be queued now.
  virtual bool Connected(raft::NodeId to, PeerChannel channel) const = 0;

  // Queues a message; drops it when there is no connection or the queue of the channel is full
  // (Raft and the forwarders bear loss). Returns false when it was surely not sent.
  virtual bool Send(raft::NodeId to, PeerMessage message) = 0;

  // Writes out what the current turn of the loop has queued; called once at its end.
  virtual void Flush() = 0;
};

}  // namespace keelson::server
