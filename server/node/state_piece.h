// A piece of the replicated state, as members compare it: the pairs of some keys as they were at a
// revision, or the changes of some revisions. Both follow from the log alone.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "storage/mvcc/read_view.h"

namespace keelson::server {

struct StatePiece {
  enum class Kind : uint8_t { kPairs = 0, kChanges = 1 };
  Kind kind = Kind::kPairs;
  // kPairs: as of it. kChanges: the last one.
  int64_t revision = 0;
  int64_t first_revision = 0;           // kChanges
  std::string begin = {};               // kPairs: keys from here
  std::optional<std::string> end = {};  // kPairs: to before here; nullopt: all that follow
};

// What ends a piece of pairs early; UINT64_MAX: nothing does.
struct PieceLimit {
  uint64_t pairs = UINT64_MAX;
  uint64_t bytes = UINT64_MAX;
};

// The hash of one piece, in slices. May be used from any thread, by one at a time.
class PieceHash {
 public:
  // REQUIRES: the view has reached piece.revision.
  PieceHash(storage::ReadViewPtr view, StatePiece piece, PieceLimit limit = {});

  // Works for one slice; whether it is done. Errors: OutOfRange where the revision is compacted,
  // DataLoss where the disk gives other bytes than were written.
  absl::StatusOr<bool> Step(const storage::SliceBudget& budget);

  // Once Step returned true.
  uint32_t hash() const { return crc_; }
  // kPairs: ends where the limit ended it.
  const StatePiece& piece() const { return piece_; }

 private:
  absl::StatusOr<bool> StepPairs(storage::SliceBudget budget);
  absl::StatusOr<bool> StepChanges(const storage::SliceBudget& budget);
  void Add(const storage::KeyValueRef& pair);

  const storage::ReadViewPtr view_;
  StatePiece piece_;
  PieceLimit left_;
  std::unique_ptr<storage::RangeCursor> pairs_;
  std::unique_ptr<storage::HistoryCursor> changes_;
  std::string last_key_;
  std::string buffer_;
  uint32_t crc_ = 0;
};

}  // namespace keelson::server
