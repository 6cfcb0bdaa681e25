// Ranges of a view, read slice by slice. Between slices no iterator is held, so that a slow reader
// pins the view's records but no memtables or files.
#include <utility>

#include "base/check.h"
#include "storage/mvcc/rocks_fs.h"
#include "storage/mvcc/slice_meter.h"
#include "storage/mvcc/view_state.h"

namespace keelson::storage {
namespace {

class RangeCursorImpl : public RangeCursor {
 public:
  RangeCursorImpl(ViewStatePtr view, KeyRange range, int64_t revision, bool keys_only)
      : view_(std::move(view)),
        reader_(view_->reader()),
        range_(std::move(range)),
        revision_(revision),
        keys_only_(keys_only),
        done_(range_.empty()) {}

  absl::Status Visit(const SliceBudget& budget, Visitor visit) override {
    return Walk(budget, [&](const rocksdb::Iterator& it) { return Show(it, visit); });
  }

  absl::Status Next(const SliceBudget& budget, std::vector<KeyValuePtr>* out) override {
    return Visit(budget, [out](const KeyValueRef& pair) {
      auto kv = std::make_shared<KeyValue>();
      kv->key = std::string(pair.key);
      kv->value = std::string(pair.value);
      kv->create_revision = pair.create_revision;
      kv->mod_revision = pair.mod_revision;
      kv->version = pair.version;
      kv->lease = pair.lease;
      out->push_back(std::move(kv));
    });
  }

  absl::StatusOr<int64_t> CountNext(const SliceBudget& budget) override {
    int64_t count = 0;
    absl::Status status =
        Walk(budget, [&](const rocksdb::Iterator& it) -> absl::StatusOr<uint64_t> {
          absl::StatusOr<bool> exists = Exists(it);
          if (!exists.ok()) return exists.status();
          count += *exists ? 1 : 0;
          return it.key().size();
        });
    if (!status.ok()) return status;
    return count;
  }

  bool done() const override { return done_; }

 private:
  template <typename Visit>
  absl::Status Walk(const SliceBudget& budget, Visit visit) {
    if (done_) return absl::OkStatus();
    SliceMeter meter(budget, view_->now_micros());
    rocksdb::Slice end;
    if (range_.end) end = ToSlice(*range_.end);
    auto it = reader_.Iterate(kLatest, range_.end ? &end : nullptr, slices_++ > 0);
    for (it->Seek(ToSlice(range_.begin)); it->Valid(); it->Next()) {
      if (meter.UsedUp()) {
        range_.begin.assign(it->key().data(), it->key().size());
        return absl::OkStatus();
      }
      absl::StatusOr<uint64_t> bytes = visit(*it);
      if (!bytes.ok()) return bytes.status();
      meter.Spend(*bytes);
    }
    done_ = true;
    return FromRocks(it->status(), view_->reader().db().Describe("range"));
  }

  // Shows the pair that counts, if there is one; returns the bytes that were looked at.
  absl::StatusOr<uint64_t> Show(const rocksdb::Iterator& it, Visitor visit) {
    VersionHead head;
    if (!DecodeVersionHead(ToView(it.value()), &head)) return Damaged();
    if (head.mod.main <= revision_) {
      if (head.deleted) return it.key().size();
      KeyValueRef pair;
      if (!DecodePair(ToView(it.value()), ToView(it.key()), &pair)) return Damaged();
      return ShowPair(pair, visit);
    }
    absl::StatusOr<VersionPtr> old = FindOld(it);
    if (!old.ok()) return old.status();
    if (*old == nullptr || (*old)->deleted()) return it.key().size();
    return ShowPair(KeyValueRef(*(*old)->kv), visit);
  }

  uint64_t ShowPair(KeyValueRef pair, Visitor visit) const {
    if (keys_only_) pair.value = {};
    visit(pair);
    return pair.key.size() + pair.value.size();
  }

  absl::StatusOr<bool> Exists(const rocksdb::Iterator& it) {
    VersionHead head;
    if (!DecodeVersionHead(ToView(it.value()), &head)) return Damaged();
    if (head.mod.main <= revision_) return !head.deleted;
    absl::StatusOr<VersionPtr> old = FindOld(it);
    if (!old.ok()) return old.status();
    return *old != nullptr && !(*old)->deleted();
  }

  absl::StatusOr<VersionPtr> FindOld(const rocksdb::Iterator& it) {
    auto newest = std::make_shared<Version>();
    if (!DecodeVersionWithoutValue(ToView(it.value()), ToView(it.key()), newest.get())) {
      return Damaged();
    }
    return FindVersion(reader_, ToView(it.key()), std::move(newest), {revision_, INT64_MAX});
  }

  absl::Status Damaged() const { return reader_.Damaged("a record in latest is damaged"); }

  const ViewStatePtr view_;
  RecordReader reader_;
  KeyRange range_;  // what is still to be read
  const int64_t revision_;
  const bool keys_only_;
  uint64_t slices_ = 0;
  bool done_;
};

class CountByRange : public SlicedResult<int64_t> {
 public:
  explicit CountByRange(std::unique_ptr<RangeCursor> cursor) : cursor_(std::move(cursor)) {}

  absl::StatusOr<std::optional<int64_t>> Step(const SliceBudget& budget) override {
    absl::StatusOr<int64_t> count = cursor_->CountNext(budget);
    if (!count.ok()) return count.status();
    total_ += *count;
    if (!cursor_->done()) return std::nullopt;
    return total_;
  }

 private:
  const std::unique_ptr<RangeCursor> cursor_;
  int64_t total_ = 0;
};

}  // namespace

std::unique_ptr<RangeCursor> MakeRangeCursor(ViewStatePtr view, KeyRange range, int64_t revision,
                                             bool keys_only) {
  KEELSON_CHECK(revision >= 1 && revision <= view->revision(), "the view can read the revision");
  return std::make_unique<RangeCursorImpl>(std::move(view), std::move(range), revision, keys_only);
}

std::unique_ptr<SlicedResult<int64_t>> MakeCountByRange(ViewStatePtr view, KeyRange range,
                                                        int64_t revision) {
  return std::make_unique<CountByRange>(
      MakeRangeCursor(std::move(view), std::move(range), revision, true));
}

}  // namespace keelson::storage
