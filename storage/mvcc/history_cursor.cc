// The changes of a view in revision order, for watchers that catch up.
//
// "undo" holds one record per change, in revision order, with what the change replaced. What it
// wrote is what the next change of the same key replaced: where that one is read in the same
// stretch nothing else is needed; else the version is looked up through the key's chain.
//
//        Scan                       Resolve                    Emit
//   undo -----> pending (complete? ) -----> each has `now` ------> out, whole revisions
#include <deque>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "base/check.h"
#include "storage/mvcc/rocks_fs.h"
#include "storage/mvcc/slice_meter.h"
#include "storage/mvcc/view_state.h"

namespace keelson::storage {
namespace {

class HistoryCursorImpl : public HistoryCursor {
 public:
  HistoryCursorImpl(ViewStatePtr view, int64_t from, ReadView::KeyFilter wanted)
      : view_(std::move(view)),
        reader_(view_->reader()),
        wanted_(std::move(wanted)),
        end_key_(UndoKey({view_->revision() + 1, 0})),
        next_{from, 0},
        reached_(from - 1) {
    if (from > view_->revision()) scanned_all_ = true;
  }

  absl::Status Next(const SliceBudget& budget, std::vector<Change>* out) override {
    SliceMeter meter(budget, view_->now_micros());
    if (pending_.empty() || pending_.front().rev.main >= next_.main) {
      absl::Status status = Scan(&meter);
      if (!status.ok()) return status;
    }
    return Emit(&meter, out);
  }

  int64_t reached() const override { return reached_; }
  bool done() const override { return scanned_all_ && pending_.empty(); }

 private:
  // Everything before next_ has been scanned; a pending change is complete once all of its
  // revision has been, that is once next_.main lies above it.
  absl::Status Scan(SliceMeter* meter) {
    if (scanned_all_) return absl::OkStatus();
    const rocksdb::Slice end = ToSlice(end_key_);
    const std::string start = UndoKey(next_);
    auto it = reader_.Iterate(kUndo, &end, true);
    for (it->Seek(ToSlice(start)); it->Valid(); it->Next()) {
      Revision rev;
      if (!DecodeUndoKey(ToView(it->key()), &rev)) return Damaged();
      if (meter->UsedUp()) {
        next_ = rev;
        return absl::OkStatus();
      }
      absl::Status status = Take(rev, ToView(it->value()));
      if (!status.ok()) return status;
      meter->Spend(it->value().size());
    }
    scanned_all_ = true;
    next_ = {view_->revision() + 1, 0};
    return FromRocks(it->status(), reader_.db().Describe("history"));
  }

  absl::Status Take(Revision rev, std::string_view bytes) {
    UndoHead head;
    if (!DecodeUndoHead(bytes, &head)) return Damaged();
    if (wanted_ && !wanted_(head.key)) return absl::OkStatus();
    UndoRecord record;
    if (!DecodeUndo(bytes, &record)) return Damaged();
    const std::string key(head.key);
    if (auto open = unresolved_.find(key); open != unresolved_.end()) {
      Change& earlier = pending_[open->second - first_number_];
      if (!record.previous || record.previous->mod != earlier.rev) return Damaged();
      earlier.now = record.previous->kv;
      unresolved_.erase(open);
    }
    Change change;
    change.rev = rev;
    change.deleted = record.change_deleted;
    if (record.previous && rev.main > view_->compact_revision()) change.prev = record.previous->kv;
    if (change.deleted) {
      auto now = std::make_shared<KeyValue>();
      now->key = std::string(record.key);
      now->mod_revision = rev.main;
      change.now = std::move(now);
    } else {
      unresolved_[key] = first_number_ + pending_.size();
    }
    keys_.push_back(change.deleted ? std::string() : key);
    pending_.push_back(std::move(change));
    return absl::OkStatus();
  }

  absl::Status Emit(SliceMeter* meter, std::vector<Change>* out) {
    while (!pending_.empty() && pending_.front().rev.main < next_.main) {
      const int64_t main = pending_.front().rev.main;
      for (; resolved_ < pending_.size() && pending_[resolved_].rev.main == main; ++resolved_) {
        if (pending_[resolved_].now != nullptr) continue;
        if (meter->UsedUp()) return absl::OkStatus();
        absl::Status status = Resolve(resolved_);
        if (!status.ok()) return status;
        meter->Spend(0);
      }
      for (; resolved_ > 0; --resolved_, ++first_number_) {
        out->push_back(std::move(pending_.front()));
        pending_.pop_front();
        keys_.pop_front();
      }
      reached_ = main;
    }
    // Revisions in between were filtered out.
    reached_ = pending_.empty() ? next_.main - 1 : pending_.front().rev.main - 1;
    return absl::OkStatus();
  }

  absl::Status Resolve(size_t at) {
    Change& change = pending_[at];
    const std::string& key = keys_[at];
    absl::StatusOr<VersionPtr> version = reader_.ReadLatest(key);
    if (version.ok()) version = FindVersion(reader_, key, *std::move(version), change.rev);
    if (!version.ok()) return version.status();
    if (*version == nullptr || (*version)->mod != change.rev || (*version)->deleted()) {
      return Damaged();
    }
    change.now = (*version)->kv;
    unresolved_.erase(key);
    return absl::OkStatus();
  }

  absl::Status Damaged() const { return reader_.Damaged("a history record is damaged"); }

  const ViewStatePtr view_;
  RecordReader reader_;
  const ReadView::KeyFilter wanted_;
  const std::string end_key_;
  Revision next_;
  int64_t reached_;
  bool scanned_all_ = false;
  std::deque<Change> pending_;
  std::deque<std::string> keys_;  // of pending_, empty for deletes
  uint64_t first_number_ = 0;     // of pending_.front(), counted from the cursor's start
  size_t resolved_ = 0;           // of the first revision in pending_
  absl::flat_hash_map<std::string, uint64_t> unresolved_;  // key -> number in pending_
};

class CountByHistory : public SlicedResult<int64_t> {
 public:
  CountByHistory(ViewStatePtr view, KeyRange range, int64_t revision, int64_t count_now)
      : view_(std::move(view)),
        reader_(view_->reader()),
        range_(std::move(range)),
        next_(UndoKey({revision + 1, 0})),
        end_(UndoKey({view_->revision() + 1, 0})),
        count_(count_now) {}

  absl::StatusOr<std::optional<int64_t>> Step(const SliceBudget& budget) override {
    SliceMeter meter(budget, view_->now_micros());
    const rocksdb::Slice end = ToSlice(end_);
    auto it = reader_.Iterate(kUndo, &end, true);
    for (it->Seek(ToSlice(next_)); it->Valid(); it->Next()) {
      if (meter.UsedUp()) {
        next_.assign(it->key().data(), it->key().size());
        return std::nullopt;
      }
      UndoHead head;
      if (!DecodeUndoHead(ToView(it->value()), &head)) {
        return reader_.Damaged("a history record is damaged");
      }
      if (range_.Contains(head.key)) {
        count_ += (head.previous_live ? 1 : 0) - (head.change_deleted ? 0 : 1);
      }
      meter.Spend(head.key.size());
    }
    absl::Status status = FromRocks(it->status(), reader_.db().Describe("history"));
    if (!status.ok()) return status;
    KEELSON_CHECK(count_ >= 0, "counting back ends at a count");
    return count_;
  }

 private:
  const ViewStatePtr view_;
  RecordReader reader_;
  const KeyRange range_;
  std::string next_;
  const std::string end_;
  int64_t count_;
};

}  // namespace

std::unique_ptr<HistoryCursor> MakeHistoryCursor(ViewStatePtr view, int64_t from_revision,
                                                 ReadView::KeyFilter wanted) {
  return std::make_unique<HistoryCursorImpl>(std::move(view), from_revision, std::move(wanted));
}

std::unique_ptr<SlicedResult<int64_t>> MakeCountByHistory(ViewStatePtr view, KeyRange range,
                                                          int64_t revision, int64_t count_now) {
  return std::make_unique<CountByHistory>(std::move(view), std::move(range), revision, count_now);
}

}  // namespace keelson::storage
