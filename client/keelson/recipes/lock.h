// A lock that one holder in the whole cluster has at a time.
//
//   Lock lock(*session, "jobs/nightly");
//   absl::Status held = lock.Acquire({.timeout = absl::Minutes(1)});
//   if (held.ok()) lock.fence().Put(client->kv(), "jobs/nightly/state", "done");
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "client/keelson/recipes/fence.h"
#include "client/keelson/recipes/lease_session.h"
#include "client/keelson/recipes/wait_options.h"

namespace keelson::client::recipes {

// Guaranteed: the holder is the one whose key is the oldest under "name/", so there is never more
// than one; who waits gets it in the order of coming; the death or silence of a holder frees it
// after the session's TTL; an Acquire whose request had no answer finds out by reading.
// Not guaranteed: that a holder that was paused knows that it holds it no more. Fence what the lock
// protects.
//
// The keys are those of etcd's locks ("name/" + lease in hex): etcdctl lock, Go's concurrency.Mutex
// and the Lock service exclude this one and are excluded by it.
//
// For one thread at a time; the session must outlive it.
class Lock {
 public:
  // One lock per name and session: another of the same process waits on a session of its own.
  Lock(LeaseSession& session, const std::string& name);
  // Releases it, trying for some seconds.
  ~Lock();
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  // Waits until it is held. Failures, the place in the line being left:
  //   DeadlineExceeded, Cancelled     as asked for by `wait`
  //   FailedPrecondition              the session is lost; the key was deleted; the session has
  //                                   this name locked already
  // or what the cluster refuses. With outcome unknown (outcome.h) a request without an answer may
  // yet put the key, which then blocks the others until the session ends, or until this session
  // acquires and releases the lock again.
  absl::Status Acquire(const WaitOptions& wait = {});

  // Does not wait for other holders: Aborted if there is one.
  absl::Status TryAcquire(const WaitOptions& wait = {});

  // Gives it to the next. OK: it is not held; a lost session has lost it anyway. After a failure it
  // may be held yet: call again, or close the session.
  absl::Status Release();

  // Whether it was acquired and its session is not lost: what is known here, without asking.
  bool IsHeld() const;

  // What to fence writes with; that of nobody where it is not acquired.
  Fence fence() const;

 private:
  const std::unique_ptr<internal::Claim> claim_;
};

}  // namespace keelson::client::recipes
