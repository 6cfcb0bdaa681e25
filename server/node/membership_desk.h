// Changes of the membership that clients of this member wait for. The leader begins them, asked by
// the others over the peer connections; each member answers its own clients.
//
//             Ask                 sent to the leader          kBegun
//   (none) ---------> kWaiting ----------------------> kSent --------> kBegun --+
//                      ^    |                            |                 |    | its entry is
//                      |    +-- this member leads: ------|---------------->|    | applied here: OK
//                      +-- kNotLeader, kNotNow ----------+                 |
//                      +-- another entry has taken its place --------------+
//
// A change that was sent is never sent again unless it surely is not in the log; if nobody can
// tell, its client hears "timed out", which means unknown. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "absl/status/status.h"
#include "raft/core.h"
#include "server/node/member_change.h"
#include "server/node/peer_network.h"
#include "server/node/seams.h"

namespace keelson::server {

class MembershipDesk {
 public:
  // OK: the change holds on this member, too; `member` is whom it was about.
  using Done = std::function<void(absl::Status, raft::NodeId member)>;

  // What the desk asks of the node.
  struct Node {
    MemberRules rules;
    std::function<Instant()> now;
    Random random;
    uint64_t boot_id = 0;
    std::function<bool(raft::NodeId to, PeerMessage message)> send;
    std::function<bool(raft::NodeId)> started;
    std::function<bool(raft::NodeId)> connected;
  };

  // `core` outlives the desk.
  MembershipDesk(raft::Core& core, Node node);

  // From clients of this member. `done` comes once.
  void Ask(MemberChange change, Done done);

  // From other members.
  void OnQuestion(raft::NodeId from, const MemberQuestion& question);
  void OnAnswer(const MemberAnswer& answer);

  // These entries, in order, were applied.
  void OnApplied(const std::vector<raft::EntryId>& ids);

  // Every tick: asks again, gives up on what took too long. `leaderless_since` is
  // Instant{INT64_MAX} while there is a leader.
  void Tick(Instant leaderless_since);

  void FailAll(const absl::Status& status);

 private:
  enum class State { kWaiting, kSent, kBegun };
  struct Asked {
    State state = State::kWaiting;
    MemberQuestion question;
    Done done;
    Instant since;
    raft::NodeId member;  // kBegun
    raft::EntryId entry;  // kBegun
  };

  void Try(uint64_t sequence);
  MemberAnswer AnswerAsLeader(const MemberQuestion& question);
  MemberOutcome Begin(const MemberChange& change, MemberAnswer* answer);
  bool IsSettledSecondVoter(const Asked& asked) const;
  void FinishWhatIsPassed();
  absl::Status ExpiryError(const Asked& asked, Instant now, Instant leaderless_since) const;
  std::vector<uint64_t> AllIn(State state) const;
  void Finish(uint64_t sequence, const absl::Status& status);

  raft::Core& core_;
  Node node_;
  uint64_t last_sequence_;
  std::map<uint64_t, Asked> asked_;
};

}  // namespace keelson::server
