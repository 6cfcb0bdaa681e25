// What became of the writes that clients named, so that each is applied once (README, "Applied
// once"). It lives in the store's meta records; here are its three counters. Equal on all members
// at the same applied index. Not thread-safe; used where entries are applied.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/apply/request_id.h"

namespace keelson::v1 {
class RequestId;
class RequestRecord;
}  // namespace keelson::v1
namespace keelson::storage {
class ApplyBatch;
class MvccStore;
}  // namespace keelson::storage

namespace keelson::server {

// How much is kept; the oldest goes first. The same on all members of a cluster: what is kept
// decides what is applied.
struct RequestLimits {
  uint64_t requests = 256 << 10;
  uint64_t bytes = 64 << 20;          // of ids and answers
  uint64_t answer_bytes = 256 << 10;  // of a larger answer only that there was one is kept
};

class RequestTable {
 public:
  explicit RequestTable(const RequestLimits& limits = {}) : limits_(limits) {}

  // Replaces everything by what the store holds.
  absl::Status Load(const storage::MvccStore& store);

  enum class Verdict {
    kNew,       // surely not applied
    kRepeated,  // applied; the record says how it ended
    kOther,     // applied, as another request
    kTooOld,    // its record may have been dropped
    kFuture,    // its position is none that this cluster has told
  };
  struct Found {
    Verdict verdict = Verdict::kNew;
    std::optional<std::string> record;  // kRepeated: a serialized v1::RequestRecord
  };
  // Errors are the store's.
  absl::StatusOr<Found> Find(const v1::RequestId& id, storage::ApplyBatch& batch) const;

  // Keeps the record of a new one; its number and digest are filled in. REQUIRES: Find said kNew,
  // and no request of the batch is open. Errors are the store's.
  absl::Status Remember(const v1::RequestId& id, v1::RequestRecord record,
                        storage::ApplyBatch& batch);

  // The serialized v1::RequestRecord of what was applied under `id` as one of the first `newest`
  // named writes, as far as `store` has it. Of nothing else can be told here whether it was
  // applied. Errors are the store's.
  static absl::StatusOr<std::optional<std::string>> Recorded(const RequestId& id, uint64_t newest,
                                                             const storage::MvccStore& store);

  const RequestLimits& limits() const { return limits_; }
  // How many named writes were applied: the position for ids made from now on.
  uint64_t newest() const { return newest_; }
  uint64_t kept() const { return newest_ - dropped_; }
  uint64_t kept_bytes() const { return bytes_; }

 private:
  absl::Status DropOldest(storage::ApplyBatch& batch);

  RequestLimits limits_;
  uint64_t newest_ = 0;
  uint64_t dropped_ = 0;  // records up to this number are gone
  uint64_t bytes_ = 0;
  bool loaded_ = false;
  uint64_t mutant_missing_ = 0;  // kMutantNamesNotInSnapshots only
};

}  // namespace keelson::server
