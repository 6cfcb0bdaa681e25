// A leader's proof, for reads, that it still leads (ReadIndex, thesis 6.4). At most one round of
// questions is in flight; reads that come meanwhile wait for the next. A round that stays without
// answer is asked again under a new nonce; answers to any nonce of the round count, since all of
// them were given after it began. Owned by the leader, same thread.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "raft/config.h"
#include "raft/message.h"
#include "raft/types.h"

namespace keelson::raft {

// A read that waits for a leader's confirmation.
struct PendingRead {
  uint64_t context = 0;   // local reads
  NodeId from{};          // none = local
  ReadNonce nonce{};      // what the follower called its batch; none = local
  uint64_t deadline = 0;  // tick
};

class ReadRounds {
 public:
  ReadRounds(Term term, uint64_t boot_id) : term_(term), boot_id_(boot_id) {}

  bool InFlight() const { return first_ != 0; }
  bool HasWaiting() const { return !waiting_.empty(); }
  // Goes with every message to a follower; none when no round is in flight.
  ReadNonce Current() const;
  // The commit index the round's reads will see, and when it began. REQUIRES: InFlight().
  Index index() const { return index_; }
  uint64_t number() const { return first_; }
  uint64_t began_at() const { return began_at_; }

  // A batch of a follower that it asks again replaces its earlier one, as long as that only waits.
  void Add(PendingRead read);
  // All waiting reads join. REQUIRES: not in flight; `commit` covers an entry of this term.
  void Begin(Index commit, uint64_t now);
  // Asks again under a new nonce. REQUIRES: InFlight().
  void Retry();
  // Counts an answer.
  void Answered(NodeId voter, const ReadNonce& nonce);
  // Whether a quorum has answered of voters for which `counts` holds; `self` has by itself.
  bool IsConfirmed(const Configuration& configuration, NodeId self,
                   absl::FunctionRef<bool(NodeId)> counts) const;
  // Ends the round and returns its reads, to be served at index(). REQUIRES: InFlight().
  std::vector<PendingRead> Finish();

  // Removes and returns the reads whose deadline has passed.
  std::vector<PendingRead> Expire(uint64_t now);
  // Removes and returns all reads: leadership is over.
  std::vector<PendingRead> TakeAll();

 private:
  Term term_;
  uint64_t boot_id_;
  uint64_t counter_ = 0;  // the last one used
  uint64_t first_ = 0;    // first counter of the round in flight; 0 = none is
  Index index_;
  uint64_t began_at_ = 0;
  NodeSet answered_;
  std::vector<PendingRead> asked_;
  std::vector<PendingRead> waiting_;
};

}  // namespace keelson::raft
