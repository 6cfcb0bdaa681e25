#include "server/node/state_piece.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/crc32c.h"

namespace keelson::server {
namespace {

void AppendNumber(uint64_t number, std::string* out) {
  for (int shift = 0; shift < 64; shift += 8) out->push_back(static_cast<char>(number >> shift));
}

void AppendText(std::string_view text, std::string* out) {
  AppendNumber(text.size(), out);
  out->append(text);
}

}  // namespace

PieceHash::PieceHash(storage::ReadViewPtr view, StatePiece piece, PieceLimit limit)
    : view_(std::move(view)), piece_(std::move(piece)), left_(limit) {
  KEELSON_CHECK(piece_.revision >= 1 && piece_.revision <= view_->revision(),
                "the view has reached the revision");
}

absl::StatusOr<bool> PieceHash::Step(const storage::SliceBudget& budget) {
  return piece_.kind == StatePiece::Kind::kPairs ? StepPairs(budget) : StepChanges(budget);
}

absl::StatusOr<bool> PieceHash::StepPairs(storage::SliceBudget budget) {
  if (pairs_ == nullptr) {
    auto cursor = view_->Range({piece_.begin, piece_.end}, {.revision = piece_.revision});
    if (!cursor.ok()) return cursor.status();
    pairs_ = *std::move(cursor);
  }
  const auto at_most = [](uint64_t budgeted, uint64_t left) {
    return budgeted == 0 ? left : std::min(budgeted, left);
  };
  budget.max_keys = at_most(budget.max_keys, left_.pairs);
  budget.max_bytes = at_most(budget.max_bytes, left_.bytes);
  const auto status = pairs_->Visit(budget, [this](const storage::KeyValueRef& pair) {
    last_key_.assign(pair.key);
    if (left_.pairs != UINT64_MAX) --left_.pairs;
    const uint64_t bytes = pair.key.size() + pair.value.size();
    if (left_.bytes != UINT64_MAX) left_.bytes -= std::min(left_.bytes, bytes);
    Add(pair);
  });
  if (!status.ok()) return status;
  if (pairs_->done()) return true;
  if (left_.pairs > 0 && left_.bytes > 0) return false;
  piece_.end = last_key_ + '\0';
  return true;
}

absl::StatusOr<bool> PieceHash::StepChanges(const storage::SliceBudget& budget) {
  if (changes_ == nullptr) {
    // What the first compacted revision replaced is not kept.
    if (piece_.first_revision <= view_->compact_revision()) return storage::CompactedError();
    auto cursor = view_->History(piece_.first_revision);
    if (!cursor.ok()) return cursor.status();
    changes_ = *std::move(cursor);
  }
  std::vector<storage::Change> changes;
  if (auto status = changes_->Next(budget, &changes); !status.ok()) return status;
  for (const storage::Change& change : changes) {
    if (change.rev.main > piece_.revision) return true;
    buffer_.clear();
    AppendNumber(static_cast<uint64_t>(change.rev.main), &buffer_);
    AppendNumber(static_cast<uint64_t>(change.rev.sub), &buffer_);
    buffer_.push_back(change.deleted ? 'd' : 'p');
    AppendText(change.now->key, &buffer_);
    crc_ = Crc32c(buffer_, crc_);
    if (!change.deleted) Add(storage::KeyValueRef(*change.now));
    if (change.prev != nullptr) Add(storage::KeyValueRef(*change.prev));
  }
  return changes_->done() || changes_->reached() >= piece_.revision;
}

void PieceHash::Add(const storage::KeyValueRef& pair) {
  buffer_.clear();
  AppendText(pair.key, &buffer_);
  for (const int64_t number : {pair.create_revision, pair.mod_revision, pair.version, pair.lease}) {
    AppendNumber(static_cast<uint64_t>(number), &buffer_);
  }
  AppendNumber(pair.value.size(), &buffer_);
  crc_ = Crc32c(pair.value, Crc32c(buffer_, crc_));
}

}  // namespace keelson::server
