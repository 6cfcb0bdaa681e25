// Hand-overs of leadership that clients asked for and wait for.
//
//            refused: not the leader, no such voter
//   Add ---> to this member itself: done
//      \---> waits ---> Settle: the target leads: done
//                  \--> Settle: two election timeouts have passed: took too long
//
// The core gives a hand-over up after one election timeout; the second one is for the election that
// may have begun just before. Loop thread only.
#pragma once

#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "raft/core.h"
#include "raft/types.h"
#include "server/node/seams.h"

namespace keelson::server {

class LeaderMoves {
 public:
  // OK: the target leads, as this member knows. Else the error that the client is to see.
  using Done = std::function<void(absl::Status)>;

  // `core` outlives it.
  LeaderMoves(raft::Core& core, Duration election_timeout)
      : core_(core), limit_(2 * election_timeout) {}

  // Begins to hand over to `target`; a hand-over to another one that is still running is given up.
  void Add(raft::NodeId target, Done done, Instant now);

  // Ends what is over. Once a turn.
  void Settle(Instant now);

  void FailAll(const absl::Status& status);

 private:
  struct Move {
    raft::NodeId target;
    Done done;
    Instant give_up;
  };

  raft::Core& core_;
  const Duration limit_;
  std::vector<Move> moves_;  // in the order in which they came
};

}  // namespace keelson::server
