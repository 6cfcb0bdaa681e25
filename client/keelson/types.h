// The values that travel between an application and a cluster. Plain data: copy and move freely.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace keelson::client {

// What every answer says about the member that gave it.
struct Header {
  uint64_t cluster_id = 0;
  uint64_t member_id = 0;
  // The store's revision: of the write itself for a write that changed something, else the
  // current one when the answer was made.
  int64_t revision = 0;
  uint64_t raft_term = 0;
};

// One key with its value and history marks. Keys and values are bytes, not text.
struct KeyValue {
  std::string key = {};
  std::string value = {};
  int64_t create_revision = 0;  // of the put that created the key since its last deletion
  int64_t mod_revision = 0;     // of the last change
  int64_t version = 0;          // number of puts since creation; 1 on creation
  int64_t lease = 0;            // the lease the key is attached to; 0 for none
};

}  // namespace keelson::client
