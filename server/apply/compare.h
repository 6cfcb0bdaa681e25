// The condition of a transaction, on the state before it.
#pragma once

#include "absl/status/statusor.h"

namespace etcdserverpb {
class Compare;
}
namespace keelson::storage {
class ApplyBatch;
struct KeyValue;
}  // namespace keelson::storage

namespace keelson::server {

// Whether `compare` holds for its key, or for every key of its range; a range without keys counts
// as a missing key. Errors: DataLoss from the disk.
absl::StatusOr<bool> Holds(const etcdserverpb::Compare& compare, storage::ApplyBatch& batch);

// Whether `compare` holds for one pair, null for a missing key: then VALUE never holds and the
// other targets count as 0.
bool HoldsFor(const etcdserverpb::Compare& compare, const storage::KeyValue* kv);

}  // namespace keelson::server
