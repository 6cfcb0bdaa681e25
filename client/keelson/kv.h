// The key-value calls. Each blocks until its answer or its deadline, retries and fails over within
// it, and ends done, surely failed or unknown (outcome.h).
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/keelson/key_range.h"
#include "client/keelson/kv_types.h"
#include "client/keelson/options.h"
#include "client/keelson/txn.h"

namespace keelson::client {

namespace internal {
class Core;
}

struct CompactOptions {
  // Answer only when the history is gone from the disk, not when it is out of sight.
  bool physical = false;
};

struct CompactResult {
  Header header = {};
};

// A cheap handle on a client, thread-safe; copies share the client's connections and may outlive
// the Client object.
class Kv {
 public:
  explicit Kv(std::shared_ptr<internal::Core> core) : core_(std::move(core)) {}

  // The pairs in `range`. A missing key is not an error: the result is empty.
  absl::StatusOr<GetResult> Get(const KeyRange& range, const GetOptions& options = {},
                                const CallOptions& call = {}) const;

  absl::StatusOr<PutResult> Put(const std::string& key, const std::string& value,
                                const PutOptions& options = {}, const CallOptions& call = {}) const;

  // Deletes what is in `range`; nothing there is not an error.
  absl::StatusOr<DeleteResult> Delete(const KeyRange& range, const DeleteOptions& options = {},
                                      const CallOptions& call = {}) const;

  absl::StatusOr<TxnResult> Commit(const Txn& txn, const CallOptions& call = {}) const;

  // Drops the history before `revision`: older reads and watches then fail with OutOfRange.
  absl::StatusOr<CompactResult> Compact(int64_t revision, const CompactOptions& options = {},
                                        const CallOptions& call = {}) const;

 private:
  std::shared_ptr<internal::Core> core_;
};

}  // namespace keelson::client
