// The bytes of a WatchResponse without its events, which follow as shared bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace keelson::server {

// What every response header says besides the revision.
struct HeaderIds {
  uint64_t cluster_id = 0;
  uint64_t member_id = 0;
  uint64_t raft_term = 0;
};

// Field numbers of the events in WatchResponse.
inline constexpr uint32_t kEventsField = 11;

// The id in answers that belong to no watcher.
inline constexpr int64_t kNoWatchId = -1;

struct WatchResponseHead {
  HeaderIds ids = {};
  int64_t revision = 0;
  int64_t watch_id = 0;
  bool created = false;
  bool canceled = false;
  int64_t compact_revision = 0;
  std::string_view cancel_reason = {};
  bool fragment = false;
};

std::string Encode(const WatchResponseHead& head);

}  // namespace keelson::server
