// One Watch call as the hub keeps it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "server/watch/watch_hub.h"
#include "server/watch/watcher.h"
#include "storage/mvcc/types.h"

namespace keelson::server {

struct WatchStream {
  // A watcher that is behind and in no group. It is in no index, so its range is kept here.
  struct Waiting {
    Watcher* watcher = nullptr;
    storage::KeyRange range;
  };

  WatchHub::StreamId id = 0;
  std::shared_ptr<WatchSink> sink;
  bool require_leader = false;
  absl::btree_map<int64_t, std::unique_ptr<Watcher>> watchers;  // by watch id
  int64_t next_watch_id = 0;
  // Ids of watchers that a compaction cancelled. They stay taken until their client cancels them,
  // too, so that its late request can't hit another watcher.
  absl::btree_set<int64_t> compacted_ids;
  std::vector<Waiting> waiting;
  bool Takes(int64_t watch_id) const {
    return watchers.contains(watch_id) || compacted_ids.contains(watch_id);
  }

  size_t behind = 0;    // watchers that are not live
  size_t notified = 0;  // watchers that want progress notifications
  bool queued = false;  // in the queue of streams whose waiting watchers can be taken along
};

}  // namespace keelson::server
