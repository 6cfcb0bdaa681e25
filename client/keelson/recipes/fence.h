// What keeps a holder that lost its lock, and does not know it yet, from doing harm.
//
// A process can be paused at any moment, also between the look at its lock and the write that the
// lock should protect. When it goes on, another may hold the lock. No lock can prevent that; the
// store can refuse the late write. A write is fenced by a comparison: the holder's key must still
// be there with the create revision that it had when the lock was taken.
//
//   absl::StatusOr<PutResult> put = lock.fence().Put(client->kv(), "config", "v2");
//   if (absl::IsFailedPrecondition(put.status())) ...  // the lock is another's by now
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "client/keelson/kv.h"

namespace keelson::client::recipes {

// A claim's key and the revision at which it came to be. A value: it may go to other threads and,
// by key() and token(), to other processes. Guaranteed: a write that the store accepted under a
// fence happened while that very claim was in force.
class Fence {
 public:
  // The fence of nobody: everything under it is refused.
  Fence() = default;
  // REQUIRES: token > 0.
  Fence(std::string key, int64_t token) : key_(std::move(key)), token_(token) {}

  const std::string& key() const { return key_; }

  // Grows from holder to holder of one lock. A service outside of the store that remembers the
  // greatest token it has seen, and refuses smaller ones, is fenced by it, too.
  int64_t token() const { return token_; }

  // For a transaction of your own: true while the claim is in force.
  Compare Holds() const;

  // Commits `txn` if the claim is in force. FailedPrecondition, with outcome failed, if it is not;
  // the result is that of `txn`, whose own comparisons may have chosen its Else branch.
  absl::StatusOr<TxnResult> Commit(const Kv& kv, Txn txn, const CallOptions& call = {}) const;

  // A fenced put, and a fenced deletion.
  absl::StatusOr<PutResult> Put(const Kv& kv, std::string key, std::string value,
                                const PutOptions& options = {}, const CallOptions& call = {}) const;
  absl::StatusOr<DeleteResult> Delete(const Kv& kv, KeyRange range,
                                      const DeleteOptions& options = {},
                                      const CallOptions& call = {}) const;

  // Asks the cluster whether the claim is in force: true of the moment of the answer, not of later.
  // FailedPrecondition if it is not.
  absl::Status Verify(const Kv& kv, const CallOptions& call = {}) const;

  bool operator==(const Fence&) const = default;

 private:
  std::string key_ = {};
  // Of nobody: no key has it, nor has a missing one.
  int64_t token_ = -1;
};

}  // namespace keelson::client::recipes
