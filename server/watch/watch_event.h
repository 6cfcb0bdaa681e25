// One change, encoded at most once per form for all who watch it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/mvcc/types.h"

namespace keelson::server {

// Made on any thread, then loop thread only; may be freed on any.
class WatchEvent {
 public:
  explicit WatchEvent(storage::Change change) : change_(std::move(change)) {}

  int64_t revision() const { return change_.rev.main; }
  bool deleted() const { return change_.deleted; }
  std::string_view key() const { return change_.now->key; }

  // One element of WatchResponse.events, tag and length included; made on first use.
  const std::shared_ptr<const std::string>& Encoded(bool with_previous);

  // Memory this event holds on to.
  size_t bytes() const;

  // Adds every byte that is encoded from now on to `*total`; null stops that.
  void AccountTo(size_t* total) { account_ = total; }

 private:
  storage::Change change_;
  std::shared_ptr<const std::string> plain_;
  std::shared_ptr<const std::string> with_previous_;
  size_t* account_ = nullptr;
};

using WatchEventPtr = std::shared_ptr<WatchEvent>;

// The events of whole revisions, in order. The previous pair of an event is the one before its
// revision: where a transaction deletes what it has written itself, that is not the version that
// the delete has replaced.
std::vector<WatchEventPtr> MakeWatchEvents(std::vector<storage::Change> changes);

}  // namespace keelson::server
