// One watcher, and one watched range with all who watch it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "storage/mvcc/types.h"

namespace keelson::server {

class RangeIndex;
struct RangeNode;
struct WatchStream;

// 40 bytes, plus its entries in the stream's map and in the range's list.
struct Watcher {
  enum class Place : uint8_t {
    kLive,     // in the live group's index: gets what is published
    kWaiting,  // behind, in its stream's list, until a group takes it along
    kGroup,    // behind, in the index of a catch-up group
  };

  WatchStream* stream = nullptr;
  RangeNode* node = nullptr;  // null while waiting
  int64_t id = 0;
  // Everything below was delivered or does not concern this watcher. For one in a group or live
  // also everything below the group's position.
  int64_t next = 0;
  uint32_t slot = 0;  // where it is in the list of its node or, while waiting, of its stream
  Place place = Place::kLive;
  bool no_put : 1 = false;
  bool no_delete : 1 = false;
  bool previous : 1 = false;
  bool fragment : 1 = false;
  bool notify : 1 = false;        // wants progress notifications
  bool had_events : 1 = false;    // since the last tick of them
  bool starts_later : 1 = false;  // was created for a revision that was yet to come

  // Watchers of one variant with the same hits get the same bytes.
  static constexpr size_t kVariants = 8;
  size_t variant() const { return no_put * 4u + no_delete * 2u + previous; }
};

// A range and its watchers in one index, which owns it.
struct RangeNode {
  storage::KeyRange range;
  RangeIndex* index = nullptr;
  std::vector<Watcher*> watchers;

  // What the batch in progress found: positions of its events, ascending. While `busy` the node is
  // on the batch's list and is kept even without watchers.
  std::vector<uint32_t> hits;
  uint32_t flushed = 0;  // watchers before it have had their share of the batch
  bool busy = false;

  // Treap: ordered by (begin, end), a heap by `priority`; `max_end` is the largest end below and
  // including this node.
  std::unique_ptr<RangeNode> left;
  std::unique_ptr<RangeNode> right;
  uint64_t priority = 0;
  const RangeNode* max_end = nullptr;
};

}  // namespace keelson::server
