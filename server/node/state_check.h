// The members compare their states, piece by piece and without an end. The leader walks over the
// keys and then over the history, a piece at a time: it hashes the piece in its own state, asks the
// others for their hash of the same piece at the same revision, and compares.
//
//   waiting --pause over--> hashing --own hash known--> asking --all answered, or late--> judged
//      ^                                                                                    |
//      +------- the next piece; or the same again, where the hashes differ -----------------+
//
// Where hashes differ twice in a row and a quorum of voters agrees, those that say otherwise are
// named; where none agrees, nobody can be. A member that can't read its own data names itself.
// Loop thread only; hashing runs on the read lane.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "raft/config.h"
#include "server/node/peer_network.h"
#include "server/node/seams.h"
#include "server/node/state_piece.h"

namespace keelson::server {

class StateCheck {
 public:
  struct Environment {
    Loop* loop = nullptr;
    Runner* runner = nullptr;
    raft::NodeId self;
    // Of this start of the member: an answer to the process before it counts for nothing.
    uint64_t boot_id = 0;
    // The state that is applied.
    std::function<storage::ReadViewPtr()> view;
    std::function<bool(raft::NodeId to, PeerMessage message)> send;
    std::function<const raft::Configuration&()> configuration;
    // These differ from a quorum; none: states differ, and no quorum says which is right.
    std::function<void(const std::vector<raft::NodeId>& wrong)> on_difference;
    // This member's own disk gave other bytes than were written.
    std::function<void(const absl::Status&)> on_damage;
  };
  struct Limits {
    // From the beginning of one walk to the next, at least; zero: no walk.
    Duration walk = std::chrono::seconds(3);
    // Between two pieces, at least; and so many times as long as hashing the last one took.
    Duration pause = std::chrono::milliseconds(100);
    int rest = 20;
    // In one piece.
    PieceLimit pairs = {.pairs = 4096, .bytes = 4 << 20};
    int64_t changes = 1024;  // revisions
    Duration answer_within = std::chrono::seconds(2);
    // How long a difference is looked at again where too few answer to tell who is right.
    Duration undecided = std::chrono::seconds(6);
  };

  StateCheck(Environment environment, Limits limits);
  ~StateCheck();

  // Every tick. `leads`: this member leads, with a quorum in contact.
  void Tick(Instant now, bool leads);
  void OnQuestion(raft::NodeId from, StateQuestion question);
  void OnAnswer(raft::NodeId from, const StateAnswer& answer);

  // Walks that went over everything, since the start.
  uint64_t walks() const { return walks_; }

 private:
  enum class Phase { kWaiting, kHashing, kAsking };
  struct Pending {
    raft::NodeId from;
    StateQuestion question;
    Instant until;
  };
  using HashDone = std::function<void(absl::Status, const PieceHash&)>;

  void Hash(std::shared_ptr<PieceHash> hash, HashDone done);
  void Begin(Instant now);
  StatePiece NextPiece(const storage::ReadView& view) const;
  void AskOthers(const absl::Status& status, const PieceHash& hash);
  bool AllAskedAnswered() const;
  bool AllAnswered() const;
  void Judge(Instant now);
  void Differ(Instant now, const std::vector<raft::NodeId>& wrong);
  void GoOn(Instant now);
  void Reset();
  void AnswerPending(Instant now);
  void Reply(raft::NodeId to, uint64_t sequence, StateAnswer::Outcome outcome, uint32_t hash = 0);

  const Environment environment_;
  const Limits limits_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();

  // As the leader.
  Phase phase_ = Phase::kWaiting;
  Instant due_;  // the next piece
  Instant walk_began_;
  int64_t walk_revision_ = 0;
  raft::Index applied_;  // of the state that is hashed
  int64_t revision_ = 0;
  StatePiece piece_;  // the next one, or the one that is looked at
  uint64_t sequence_;
  Instant asked_at_;
  raft::NodeSet asked_;  // who is connected
  std::map<raft::NodeId, StateAnswer> answers_;
  std::optional<Instant> differs_since_;
  uint64_t walks_ = 0;

  // As a member that is asked.
  std::optional<Pending> pending_;
  bool answering_ = false;
};

}  // namespace keelson::server
