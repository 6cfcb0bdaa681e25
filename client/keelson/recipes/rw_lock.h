// A lock that many readers, or one writer, have at a time.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "client/keelson/recipes/fence.h"
#include "client/keelson/recipes/lease_session.h"
#include "client/keelson/recipes/wait_options.h"

namespace keelson::client::recipes {

// Guaranteed: while a writer holds it nobody else does; turns are given in the order of coming, so
// a reader that comes after a waiting writer waits behind it and no writer starves. Each reader
// waits for the end of one writer's key, each writer for that of one key: a writer that leaves
// wakes the readers right behind it, and nobody else.
// Not guaranteed, as with Lock: that a paused holder knows of its loss. Writers fence their writes.
//
// Keys: "name/read/" and "name/write/" + lease in hex. It does not meet a Lock of the same name.
//
// For one thread at a time; the session must outlive it. One mode at a time.
class RwLock {
 public:
  RwLock(LeaseSession& session, const std::string& name);
  // Releases it, trying for some seconds.
  ~RwLock();
  RwLock(const RwLock&) = delete;
  RwLock& operator=(const RwLock&) = delete;

  // As Lock::Acquire, shared with readers or alone. FailedPrecondition, too, if it is held or
  // half released in the other mode: there is no upgrade, which two readers would wait for forever.
  absl::Status AcquireRead(const WaitOptions& wait = {});
  absl::Status AcquireWrite(const WaitOptions& wait = {});

  // As Lock::Release, in whatever mode.
  absl::Status Release();

  // What is known here, without asking.
  bool IsHeldForRead() const;
  bool IsHeldForWrite() const;

  // Of the mode that is held; that of nobody where none is.
  Fence fence() const;

 private:
  const std::unique_ptr<internal::Claim> read_;
  const std::unique_ptr<internal::Claim> write_;
};

}  // namespace keelson::client::recipes
