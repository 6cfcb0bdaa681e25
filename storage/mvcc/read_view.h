// Reads of one immutable state of the store.
//
// A ReadView pins the state after one commit. It may be used from any thread, by several at once,
// and outlives later commits, compactions, snapshot installs and the MvccStore itself: what it can
// read is physically kept until its last reference is gone. A cursor belongs to one thread at a
// time and holds its own reference to its view.
//
// Errors: OutOfRange with etcd's texts kCompactedText and kFutureText (is_compacted, is_future tell
// them apart); DataLoss where RocksDB found damage, which must stop the member.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "raft/types.h"
#include "storage/mvcc/types.h"

namespace keelson::storage {

inline constexpr char kCompactedText[] = "etcdserver: mvcc: required revision has been compacted";
inline constexpr char kFutureText[] = "etcdserver: mvcc: required revision is a future revision";

absl::Status CompactedError();
absl::Status FutureRevisionError();
bool IsCompacted(const absl::Status& status);
bool IsFutureRevision(const absl::Status& status);

struct RangeOptions {
  int64_t revision = 0;    // <= 0: the view's revision
  bool keys_only = false;  // values stay empty
};

// Walks the keys of a range in ascending order, in slices. Made by ReadView::Range.
class RangeCursor {
 public:
  virtual ~RangeCursor() = default;
  // Shows the next keys to `visit` until the budget is used up or the range ends. A slice may also
  // come back empty with done() still false: its time went into keys that do not count.
  using Visitor = absl::FunctionRef<void(const KeyValueRef& pair)>;
  virtual absl::Status Visit(const SliceBudget& budget, Visitor visit) = 0;
  // Like Visit, but appends copies to `out`.
  virtual absl::Status Next(const SliceBudget& budget, std::vector<KeyValuePtr>* out) = 0;
  // Like Next but only counts; returns how many keys the slice passed.
  virtual absl::StatusOr<int64_t> CountNext(const SliceBudget& budget) = 0;
  virtual bool done() const = 0;
};

// Walks the keys of a lease in ascending order, in slices. Made by ReadView::LeaseKeys.
class LeaseKeyCursor {
 public:
  virtual ~LeaseKeyCursor() = default;
  using Visitor = absl::FunctionRef<void(std::string_view key)>;
  virtual absl::Status Visit(const SliceBudget& budget, Visitor visit) = 0;
  virtual bool done() const = 0;
};

// Walks the changes from a revision on, in revision order. Made by ReadView::History.
class HistoryCursor {
 public:
  virtual ~HistoryCursor() = default;
  // Appends the changes of the next whole revisions to `out`; never a part of a revision. A slice
  // may come back empty with done() still false, while a large revision is being gathered.
  virtual absl::Status Next(const SliceBudget& budget, std::vector<Change>* out) = 0;
  // All changes up to and including this revision have been handed out (or filtered out).
  virtual int64_t reached() const = 0;
  virtual bool done() const = 0;
};

// Counts the keys of a range at an old revision, or hashes the store, in slices.
template <typename T>
class SlicedResult {
 public:
  virtual ~SlicedResult() = default;
  // Works for one slice; nullopt: call again.
  virtual absl::StatusOr<std::optional<T>> Step(const SliceBudget& budget) = 0;
};

struct HashResult {
  uint32_t hash = 0;
  int64_t compact_revision = 0;
  int64_t revision = 0;  // hashed up to and including it
};

class ReadView : public std::enable_shared_from_this<ReadView> {
 public:
  virtual ~ReadView() = default;

  // The log entry up to which the view contains everything.
  virtual raft::EntryId applied() const = 0;
  virtual int64_t revision() const = 0;
  virtual int64_t compact_revision() const = 0;

  // OK iff `revision` can be read here: compact_revision() <= revision <= revision(); <= 0 means
  // the view's revision.
  absl::Status CheckRevision(int64_t revision) const;

  // The version of `key` at `revision`, null where it did not exist. O(log versions) lookups.
  virtual absl::StatusOr<KeyValuePtr> Get(std::string_view key, int64_t revision = 0) const = 0;

  virtual absl::StatusOr<std::unique_ptr<RangeCursor>> Range(KeyRange range,
                                                             RangeOptions options = {}) const = 0;

  // How many keys the range holds at the view's revision: reads a few thousand keys at most,
  // whatever the size of the range.
  virtual absl::StatusOr<int64_t> Count(const KeyRange& range) const = 0;
  // The same at an older revision; takes time in proportion to the changes since then or to the
  // keys in the range, whichever is less.
  virtual absl::StatusOr<std::unique_ptr<SlicedResult<int64_t>>> CountAt(
      KeyRange range, int64_t revision) const = 0;

  // The keys attached to a lease; none for one that does not exist.
  virtual std::unique_ptr<LeaseKeyCursor> LeaseKeys(int64_t lease) const = 0;

  // Changes from `from_revision` (>= 1) to the view's revision. OutOfRange (compacted) below
  // compact_revision(); exactly at it works and includes deletes. `wanted` (optional) is asked for
  // each changed key; changes it refuses cost no lookup.
  using KeyFilter = std::function<bool(std::string_view key)>;
  virtual absl::StatusOr<std::unique_ptr<HistoryCursor>> History(int64_t from_revision,
                                                                 KeyFilter wanted = {}) const = 0;

  // Hash over the logical content up to `revision` (<= 0: the view's): the same on every member
  // with the same compaction revision, whatever was physically removed.
  virtual absl::StatusOr<std::unique_ptr<SlicedResult<HashResult>>> HashKv(
      int64_t revision) const = 0;
};

using ReadViewPtr = std::shared_ptr<const ReadView>;

}  // namespace keelson::storage
