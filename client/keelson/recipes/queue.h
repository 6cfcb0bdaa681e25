// A queue of work: each item goes to one worker at a time, until one says that it is done.
//
//   Queue queue(*client, "mails");
//   queue.Push("to: ada");
//   ...
//   auto item = queue.Take(*session);
//   if (item.ok() && Send((*item)->value())) (*item)->Done();
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/keelson/recipes/fence.h"
#include "client/keelson/recipes/lease_session.h"
#include "client/keelson/recipes/wait_options.h"

namespace keelson::client::recipes {

// An item that this worker has. Destroyed without Done() it goes back to the queue. For one thread
// at a time; the session of its Take must outlive it.
class QueueItem {
 public:
  QueueItem(std::unique_ptr<internal::Claim> claim, std::string item_key, std::string value);
  // Return(), if it is neither done nor returned.
  ~QueueItem();
  QueueItem(const QueueItem&) = delete;
  QueueItem& operator=(const QueueItem&) = delete;

  const std::string& value() const { return value_; }
  // The item's key, the same for every worker that has it.
  const std::string& key() const { return item_key_; }
  // In force while it is this worker's: what to fence the work's own writes with.
  Fence fence() const;

  // Takes the item out for good. FailedPrecondition, with outcome failed: it is this worker's no
  // more, and another does it, or did. With outcome unknown: call it again.
  absl::Status Done(const WaitOptions& wait = {});

  // Gives it to the next worker. As Lock::Release.
  absl::Status Return();

 private:
  const std::unique_ptr<internal::Claim> claim_;
  const std::string item_key_;
  const std::string value_;
  bool done_in_doubt_ = false;
};

// Guaranteed: an item whose Push was OK is given to workers, in the order of the pushes, until one
// of them has called Done with OK, and then never again; the item of a worker whose session was
// lost goes to the next. So each is worked on at least once, and Done by one worker only.
// Not guaranteed: that a worker that was paused knows that it has lost its item; fence its writes.
//
// Workers that find nothing wait in a line; only the first of it watches the queue. Keys:
// "name/items/ID", "name/claims/ID" for those that a worker has, "name/line/" + lease in hex.
//
// Thread-safe; the client must outlive it.
class Queue {
 public:
  Queue(const Client& client, const std::string& name);

  // Adds an item, and gives its key. It is never added twice. With outcome unknown it may be in the
  // queue, or have been taken out already, or come to be in it.
  absl::StatusOr<std::string> Push(const std::string& value, const WaitOptions& wait = {}) const;

  // The oldest item that nobody has; waits for one. One Take at a time for each session; a session
  // may have many items. Failures as of Lock::Acquire.
  absl::StatusOr<std::unique_ptr<QueueItem>> Take(LeaseSession& session,
                                                  const WaitOptions& wait = {}) const;

  // The number of items that are not done.
  absl::StatusOr<int64_t> Size(const CallOptions& call = {}) const;

 private:
  struct View;
  using MaybeItem = absl::StatusOr<std::unique_ptr<QueueItem>>;

  absl::StatusOr<View> Look(internal::Patience& patience) const;
  MaybeItem TakeOneOf(const View& view, LeaseSession& session, internal::Patience& patience) const;
  MaybeItem TakeInLine(LeaseSession& session, internal::Patience& patience) const;
  absl::Status AwaitChange(const View& view, internal::Patience& patience) const;

  const Client& client_;
  const std::string items_;
  const std::string claims_;
  const std::string line_;
};

}  // namespace keelson::client::recipes
