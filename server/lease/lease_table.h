// The leases of the store on this member: what the log says of them, and, while this member leads,
// when each of them ends.
//
// Ids and granted TTLs are replicated facts. Deadlines are not: they live on the leader's lease
// clock, which runs only while a quorum answers. No lease ends early: whenever the end of a lease
// is in doubt it ends later. See README.md. Loop thread only; the time comes from the caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "server/node/seams.h"

namespace keelson::server {

// What the log knows of a lease.
struct LeaseFacts {
  int64_t id = 0;
  int64_t ttl = 0;        // granted, seconds
  int64_t remaining = 0;  // by the last checkpoint, seconds; 0: there is none
};

// What is left of a lease, to be written to the log; 0: all of its TTL again.
struct LeaseCheckpoint {
  int64_t id = 0;
  int64_t remaining = 0;  // seconds, rounded up
};

// What became of a keep-alive.
struct LeaseRenewal {
  enum class Outcome {
    kRenewed,     // the answer's TTL is `ttl`
    kGone,        // the answer's TTL is 0; where it was ending, the delete is applied
    kNotPrimary,  // this member stopped leading before it could tell: ask the new leader
  };
  Outcome outcome = Outcome::kGone;
  int64_t ttl = 0;
};

struct LeaseTimes {
  int64_t granted = 0;    // seconds
  int64_t remaining = 0;  // whole seconds, rounded down, never negative
};

class LeaseTable {
 public:
  // Of leases that are longer than `checkpoint_every` the log is to know what is left, by that much
  // too much at most.
  explicit LeaseTable(Duration checkpoint_every = std::chrono::minutes(5));
  ~LeaseTable();
  LeaseTable(const LeaseTable&) = delete;
  LeaseTable& operator=(const LeaseTable&) = delete;

  // --- facts, from the apply step on every member ---

  // A grant was applied (or is loaded from the store). A known id is ignored.
  void OnGranted(const LeaseFacts& lease, Instant now);
  // A checkpoint was applied. Unknown ids are ignored.
  void OnCheckpoint(const LeaseCheckpoint& checkpoint);
  // A revoke was applied, whatever asked for it. Waiting keep-alives of it are answered kGone from
  // inside the call. Unknown ids are ignored.
  void OnRevoked(int64_t id);
  // Forgets every lease, before the facts of another store are loaded. Waiting keep-alives are
  // answered kNotPrimary.
  void Clear();

  bool Contains(int64_t id) const;
  size_t size() const;
  // Leases that ended since this object was made because this member, leading, said so.
  uint64_t expired() const;
  // All leases, in no meaningful but a repeatable order.
  std::vector<LeaseFacts> List() const;

  // --- leadership, from the node ---

  // This member leads and has applied the first entry of its term, hence every expiry that an
  // earlier leader proposed. Every lease gets its full TTL, or what its checkpoint says, plus
  // `election_timeout`. O(1).
  void Promote(Instant now, Duration election_timeout);
  // This member leads no more. Waiting keep-alives are answered kNotPrimary; expiries that were
  // handed out are forgotten: propose none of them any more. O(1) but for the answers.
  void Demote();
  bool primary() const;

  // A quorum was in contact at `now`. The lease clock moves on by the time since the last contact
  // if that is at most one election timeout, else not at all: a pause doesn't count. Call it at
  // every quorum of heartbeat answers; a member alone calls it at every tick.
  void QuorumContact(Instant now);

  // --- the leader's work ---

  // Leases that ended and for which a revoke is to be proposed, at most `max`; each is handed out
  // once, until ExpiryLost gives it back. Does a bounded amount of work: call it at every tick
  // (100 ms or less), and again while MoreExpired(). Empty while not primary, or while the
  // last quorum contact is older than an election timeout.
  // REQUIRES: a proposal made from it enters the log under this very leadership or not at all; it
  // is never forwarded.
  std::vector<int64_t> Expired(Instant now, size_t max);
  bool MoreExpired() const;
  // The proposal for these ids surely will not be applied (refused, dropped): hands them out anew.
  void ExpiryLost(const std::vector<int64_t>& ids);

  // Leases of which the log knows too much time, at most `max`; looks at a bounded number of
  // leases. Call it at every tick. Each counts as checkpointed from now on. Empty while not
  // primary. REQUIRES: as for Expired.
  std::vector<LeaseCheckpoint> DueCheckpoints(Instant now, size_t max);
  // The proposal of these surely will not be applied.
  void CheckpointsLost(const std::vector<LeaseCheckpoint>& lost);
  // Whether a checkpoint of the lease is in the log, or may come to be: a renewal has to be
  // followed by a checkpoint of 0 before it is answered, or a later leader would end the lease
  // early.
  bool IsCheckpointed(int64_t id) const;

  // Renews a lease to its full TTL and tells `done`, at once or, if its expiry is being processed,
  // once that has ended.
  // REQUIRES: leadership was proven after the keep-alive arrived, and everything up to the index of
  // that proof is applied. Not primary: answers kNotPrimary.
  void Renew(int64_t id, Instant now, std::function<void(LeaseRenewal)> done);

  // nullopt for an unknown lease. REQUIRES: primary().
  std::optional<LeaseTimes> TimeToLive(int64_t id, Instant now) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keelson::server
