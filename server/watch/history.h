// What the watch hub needs of the store: changes as they are applied, and the history of changes.
// The node adapts storage/mvcc to this; tests use a vector.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"

namespace keelson::server {

// A key-value pair as views into memory of whoever passes it on.
struct PairView {
  std::string_view key;
  std::string_view value;
  int64_t create_revision = 0;
  int64_t mod_revision = 0;
  int64_t version = 0;
  int64_t lease = 0;
};

// One change of one key. Several changes may share a revision; then they are in the order of their
// sub-revisions. Views are valid during the call only that passes the change.
struct Change {
  enum class Previous {
    kNone,     // the key was absent, or its old pair is compacted
    kKnown,    // `previous` holds the pair before the change
    kUnknown,  // nobody asked for it
  };

  int64_t revision = 0;
  bool is_delete = false;
  PairView pair;  // after the change; of a delete only `key` is used
  Previous previous_state = Previous::kUnknown;
  PairView previous;
};

// Reads changes in order from a view of the store that was pinned when the reader was opened;
// compaction and snapshot installs don't touch it.
class HistoryReader {
 public:
  virtual ~HistoryReader() = default;

  // Passes the next changes to `emit`: whole revisions only, ascending, at least one, until
  // `max_bytes` of keys and values or `max_revisions` are reached. Returns whether the end of the
  // view is reached. `with_previous`: fill Change::previous.
  // One call at a time, from any thread (it runs off the loop).
  virtual absl::StatusOr<bool> Read(size_t max_bytes, size_t max_revisions, bool with_previous,
                                    const std::function<void(const Change&)>& emit) = 0;
};

// Loop thread only.
class HistorySource {
 public:
  virtual ~HistorySource() = default;

  // The revision of the last applied compaction; 0 for none.
  virtual int64_t compact_revision() const = 0;

  // Opens the history at `from`, up to the store's revision now. The change of exactly the
  // compacted revision is still part of it, also where it was a delete.
  // REQUIRES: compact_revision() <= from.
  virtual absl::StatusOr<std::unique_ptr<HistoryReader>> OpenHistory(int64_t from) = 0;
};

}  // namespace keelson::server
