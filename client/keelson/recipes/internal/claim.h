// One place in a line: a key attached to a session's lease. Whose key has the smallest create
// revision is first. What locks, elections and queues have in common.
//
//   out --Enter()--> in line --AwaitFirst()--> first --Leave()--> out
//                       \--key gone, session lost, gives up: Obtain() leaves--> out
//
// Each one waits for the end of one key, the last ahead of its own: an end wakes one waiter. What a
// member says about the line is asked for in one linearizable read with the own key, so a claim
// that has ended is never taken for first.
//
// Invariant: a claim's token is the create revision of its key, put by this claim or, of an earlier
// one of the same session, left over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/keelson/recipes/fence.h"
#include "client/keelson/recipes/internal/patience.h"
#include "client/keelson/recipes/lease_session.h"

namespace keelson::client::recipes::internal {

// "prefix/" + the lease in hexadecimal, as etcd's own locks and elections name their keys.
std::string ClaimKey(const LeaseSession& session, const std::string& prefix);

// For one thread at a time.
class Claim {
 public:
  // Behind everybody in `line`. REQUIRES: the session outlives the claim.
  Claim(LeaseSession& session, std::string key, KeyRange line);
  // Leaves, if it has entered.
  ~Claim();
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

  // Enter() and AwaitFirst(). After a failure the claim has left; with outcome unknown its key may
  // be there yet, or come to be, until the session ends.
  absl::Status Obtain(const std::string& value, const WaitOptions& wait);
  // The same without waiting behind others: Aborted if there are some.
  absl::Status TryObtain(const std::string& value, const WaitOptions& wait);

  // Puts the key, if it is not there. Aborted if one of `conditions` does not hold.
  // FailedPrecondition if another claim of this process and session has the key.
  absl::Status Enter(const std::string& value, Patience& patience,
                     const std::vector<Compare>& conditions = {});

  // The last key ahead, and the revision at which it was so; no key: this is the first.
  // FailedPrecondition if the own key is gone. REQUIRES: entered.
  struct Ahead {
    std::string key = {};
    int64_t revision = 0;
  };
  absl::StatusOr<Ahead> LookAhead(Patience& patience);
  absl::Status AwaitFirst(Patience& patience);

  // Changes the value. FailedPrecondition if the key is gone. REQUIRES: entered.
  absl::Status Update(const std::string& value, Patience& patience);

  // Deletes the key, trying for some seconds. A session that is lost has no keys: OK at once.
  absl::Status Leave();

  // Leaves after a failure; `why` with what is known.
  absl::Status GiveUp(absl::Status why);

  // The key is gone, or left to the lease.
  void Forget();

  bool entered() const { return token_ != 0; }
  // First when it last looked, of a session that is not lost since.
  bool IsHeld() const { return first_ && session_.Lost().ok(); }
  LeaseSession& session() const { return session_; }
  // That of nobody, if it has not entered.
  Fence fence() const;
  const std::string& key() const { return key_; }

 private:
  absl::Status OnEntered(const TxnResult& result, const std::string& value, Patience& patience,
                         int unanswered);

  LeaseSession& session_;
  const std::string key_;
  const KeyRange line_;
  bool reserved_ = false;
  int64_t token_ = 0;  // 0: not entered
  int64_t mod_revision_ = 0;
  bool first_ = false;
  // Puts of the key without an answer that may come to be yet.
  int in_doubt_ = 0;
};

// Waits until `key`, which was there at `revision`, is deleted: true; or until that history is
// gone, when the caller has to look again: false.
absl::StatusOr<bool> AwaitDeletion(const Client& client, const std::string& key, int64_t revision,
                                   Patience& patience);

}  // namespace keelson::client::recipes::internal
