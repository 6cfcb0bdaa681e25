// The hash that members compare.
//
// It covers the pairs that exist at the revision, in key order, then every change above the
// compaction revision with what it replaced, in revision order. Both follow from the log alone:
// what was physically removed, and when, leaves no trace.
#include <utility>

#include "base/check.h"
#include "base/crc32c.h"
#include "storage/mvcc/rocks_fs.h"
#include "storage/mvcc/slice_meter.h"
#include "storage/mvcc/view_state.h"

namespace keelson::storage {
namespace {

class Hash : public SlicedResult<HashResult> {
 public:
  Hash(ViewStatePtr view, int64_t revision)
      : view_(std::move(view)),
        reader_(view_->reader()),
        revision_(revision),
        pairs_(MakeRangeCursor(view_, KeyRange::All(), revision, false)),
        next_(UndoKey({std::max<int64_t>(view_->compact_revision(), 0) + 1, 0})),
        end_(UndoKey({revision + 1, 0})) {}

  absl::StatusOr<std::optional<HashResult>> Step(const SliceBudget& budget) override {
    if (!pairs_->done()) {
      absl::Status status = pairs_->Visit(budget, [this](const KeyValueRef& kv) { Add(kv); });
      if (!status.ok()) return status;
      return std::nullopt;
    }
    SliceMeter meter(budget, view_->now_micros());
    const rocksdb::Slice end = ToSlice(end_);
    auto it = reader_.Iterate(kUndo, &end, true);
    for (it->Seek(ToSlice(next_)); it->Valid(); it->Next()) {
      if (meter.UsedUp()) {
        next_.assign(it->key().data(), it->key().size());
        return std::nullopt;
      }
      absl::Status status = AddChange(ToView(it->key()), ToView(it->value()));
      if (!status.ok()) return status;
      meter.Spend(it->value().size());
    }
    absl::Status status = FromRocks(it->status(), reader_.db().Describe("hash"));
    if (!status.ok()) return status;
    return HashResult{crc_, view_->compact_revision(), revision_};
  }

 private:
  void Add(const KeyValueRef& kv) {
    buffer_.clear();
    AppendVarint(kv.key.size(), &buffer_);
    buffer_.append(kv.key);
    AppendVarint(static_cast<uint64_t>(kv.create_revision), &buffer_);
    AppendVarint(static_cast<uint64_t>(kv.mod_revision), &buffer_);
    AppendVarint(static_cast<uint64_t>(kv.version), &buffer_);
    AppendVarint(static_cast<uint64_t>(kv.lease), &buffer_);
    AppendVarint(kv.value.size(), &buffer_);
    crc_ = Crc32c(kv.value, Crc32c(buffer_, crc_));
  }

  absl::Status AddChange(std::string_view undo_key, std::string_view bytes) {
    UndoRecord record;
    if (!DecodeUndo(bytes, &record)) return reader_.Damaged("a history record is damaged");
    buffer_.assign(undo_key);
    buffer_.push_back(record.change_deleted ? 'd' : 'p');
    AppendVarint(record.key.size(), &buffer_);
    buffer_.append(record.key);
    crc_ = Crc32c(buffer_, crc_);
    if (record.previous && !record.previous->deleted()) Add(KeyValueRef(*record.previous->kv));
    return absl::OkStatus();
  }

  const ViewStatePtr view_;
  RecordReader reader_;
  const int64_t revision_;
  const std::unique_ptr<RangeCursor> pairs_;
  std::string next_;
  const std::string end_;
  std::string buffer_;
  uint32_t crc_ = 0;
};

}  // namespace

std::unique_ptr<SlicedResult<HashResult>> MakeHash(ViewStatePtr view, int64_t revision) {
  KEELSON_CHECK(revision >= 1 && revision <= view->revision(), "the view can read the revision");
  return std::make_unique<Hash>(std::move(view), revision);
}

}  // namespace keelson::storage
