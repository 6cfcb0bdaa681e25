// Options and results of the key-value calls.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "client/keelson/read.h"
#include "client/keelson/types.h"

namespace keelson::client {

enum class SortOrder { kNone, kAscending, kDescending };
enum class SortTarget { kKey, kVersion, kCreateRevision, kModRevision, kValue };

struct GetOptions {
  int64_t revision = 0;  // read the store as it was at this revision; 0 for now
  int64_t limit = 0;     // at most so many pairs; 0 for all
  SortOrder order = SortOrder::kNone;
  SortTarget sort_by = SortTarget::kKey;
  // Answered by the asked member alone: fast and possible without a quorum, but perhaps old.
  bool serializable = false;
  bool keys_only = false;   // leave the values out
  bool count_only = false;  // only GetResult::count
  // Inclusive bounds on the pairs' revisions; 0 for none. GetResult::count ignores them.
  int64_t min_mod_revision = 0;
  int64_t max_mod_revision = 0;
  int64_t min_create_revision = 0;
  int64_t max_create_revision = 0;
};

struct GetResult {
  Header header = {};
  std::vector<KeyValue> kvs = {};
  bool more = false;  // the limit cut something off
  int64_t count = 0;  // keys in the range, whatever the limit
  // Not in the answer to an operation of a transaction: there it is TxnResult::freshness.
  Freshness freshness = {};
};

struct PutOptions {
  int64_t lease = 0;          // attach the key to this lease; 0 detaches it
  bool prev_kv = false;       // give the pair that was there
  bool ignore_value = false;  // keep the stored value; the key must exist
  bool ignore_lease = false;  // keep the stored lease; the key must exist
};

struct PutResult {
  Header header = {};
  std::optional<KeyValue> prev_kv = {};
};

struct DeleteOptions {
  bool prev_kv = false;  // give the pairs that were deleted
};

struct DeleteResult {
  Header header = {};
  int64_t deleted = 0;
  std::vector<KeyValue> prev_kvs = {};
};

}  // namespace keelson::client
