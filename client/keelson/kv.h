// The key-value calls. Each retries and fails over within its deadline, and ends done, surely
// failed or unknown (outcome.h). Each has two forms: one that waits, and ...Async, which returns at
// once (future.h).
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/keelson/future.h"
#include "client/keelson/key_range.h"
#include "client/keelson/kv_types.h"
#include "client/keelson/options.h"
#include "client/keelson/txn.h"

namespace keelson::client {

namespace internal {
class Core;
struct View;
}  // namespace internal

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
  explicit Kv(std::shared_ptr<internal::Core> core);
  // Through a view of a client; see Client::WithPrefix and WithSession.
  Kv(std::shared_ptr<internal::Core> core, std::shared_ptr<const internal::View> view);

  // The pairs in `range`. A missing key is not an error: the result is empty. CallOptions::read
  // says how old the answer may be, GetResult::freshness how old it was.
  absl::StatusOr<GetResult> Get(const KeyRange& range, const GetOptions& options = {},
                                const CallOptions& call = {}) const;
  Future<GetResult> GetAsync(const KeyRange& range, const GetOptions& options = {},
                             const CallOptions& call = {}) const;

  absl::StatusOr<PutResult> Put(const std::string& key, const std::string& value,
                                const PutOptions& options = {}, const CallOptions& call = {}) const;
  Future<PutResult> PutAsync(const std::string& key, const std::string& value,
                             const PutOptions& options = {}, const CallOptions& call = {}) const;

  // Deletes what is in `range`; nothing there is not an error.
  absl::StatusOr<DeleteResult> Delete(const KeyRange& range, const DeleteOptions& options = {},
                                      const CallOptions& call = {}) const;
  Future<DeleteResult> DeleteAsync(const KeyRange& range, const DeleteOptions& options = {},
                                   const CallOptions& call = {}) const;

  // CallOptions::read concerns a transaction that only reads; its stale form is one without nested
  // transactions.
  absl::StatusOr<TxnResult> Commit(const Txn& txn, const CallOptions& call = {}) const;
  Future<TxnResult> CommitAsync(const Txn& txn, const CallOptions& call = {}) const;

  // Drops the history before `revision`: older reads and watches then fail with OutOfRange. A
  // second request for the same revision is refused with OutOfRange, too.
  absl::StatusOr<CompactResult> Compact(int64_t revision, const CompactOptions& options = {},
                                        const CallOptions& call = {}) const;
  Future<CompactResult> CompactAsync(int64_t revision, const CompactOptions& options = {},
                                     const CallOptions& call = {}) const;

  // For what is built on top of the calls.
  const std::shared_ptr<internal::Core>& core() const { return core_; }
  const std::shared_ptr<const internal::View>& view() const { return view_; }

 private:
  std::shared_ptr<internal::Core> core_;
  std::shared_ptr<const internal::View> view_;
};

}  // namespace keelson::client
