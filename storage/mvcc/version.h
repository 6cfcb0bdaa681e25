// The chain of versions of one key, newest first, and how to find an old one in O(log n) steps.
//
// The newest version of a key lies in the column family "latest" under the key. When revision r
// supersedes a version, that version moves to "undo" under r. So the version before v is at
// undo[v.mod]: the chain needs no index. To reach far versions fast each one also carries a jump
// to an older one, chosen as in Myers, "An applicative random-access stack" (1983): the chain is
// cut into complete binary trees whose sizes are a skew-binary number of the chain's length.
//
//   new version u over p:  trees at p and at jump(p) equally large?
//       yes: u joins them, jump(u) = jump(jump(p))      no: u is a tree of its own, jump(u) = p
//
// The newest version holds the roots of all trees (`jumps`, nearest first), so that pushing needs
// no read; an undo record keeps only the first.
//
// Values, safe on any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "storage/mvcc/types.h"

namespace keelson::storage {

// Points to an older version of the same key.
struct Jump {
  Revision stored_at;  // its key in undo: the revision that superseded it
  Revision mod;        // its own revision
  uint64_t depth = 0;  // its position in the chain, the oldest is 1
  bool operator==(const Jump&) const = default;
};

using Jumps = absl::InlinedVector<Jump, 2>;

struct Version {
  Revision mod;
  KeyValuePtr kv;  // null: a tombstone, the key was deleted at `mod`
  uint64_t depth = 1;
  Jumps jumps;

  bool deleted() const { return kv == nullptr; }
};

using VersionPtr = std::shared_ptr<const Version>;

// Depth and jumps of a version at `mod` that supersedes `parent` (may be null). What a store
// compacted at `compact_revision` can no longer reach is forgotten.
struct ChainPosition {
  uint64_t depth = 1;
  Jumps jumps;
};
ChainPosition PushVersion(const Version* parent, Revision mod, int64_t compact_revision);

// Where superseded versions are read from.
class UndoSource {
 public:
  virtual ~UndoSource() = default;
  // The version that `superseded_by` superseded, null where the key did not exist before.
  // DataLoss where there is no such record or it belongs to another key.
  virtual absl::StatusOr<VersionPtr> ReadUndo(Revision superseded_by, std::string_view key) = 0;
};

// The newest version of `key` with mod <= `bound`, null where there is none. `newest` may be null.
// REQUIRES: bound.main >= the compaction revision of the source.
absl::StatusOr<VersionPtr> FindVersion(UndoSource& source, std::string_view key, VersionPtr newest,
                                       Revision bound);

// Logical bytes of a version or undo record besides key and value.
inline constexpr uint64_t kRecordOverheadBytes = 48;

}  // namespace keelson::storage
