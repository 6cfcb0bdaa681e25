// The keys of a lease, read slice by slice as those of a range are (range_cursor.cc).
#include <utility>

#include "storage/mvcc/rocks_fs.h"
#include "storage/mvcc/slice_meter.h"
#include "storage/mvcc/view_state.h"

namespace keelson::storage {
namespace {

class LeaseKeyCursorImpl : public LeaseKeyCursor {
 public:
  LeaseKeyCursorImpl(ViewStatePtr view, int64_t lease)
      : view_(std::move(view)),
        reader_(view_->reader()),
        prefix_(LeaseRecordKey(lease)),
        end_(LeaseRecordKey(static_cast<int64_t>(static_cast<uint64_t>(lease) + 1))),
        has_end_(lease != -1),
        next_(prefix_) {}

  absl::Status Visit(const SliceBudget& budget, Visitor visit) override {
    if (done_) return absl::OkStatus();
    SliceMeter meter(budget, view_->now_micros());
    // Without an end it would pass over what deleted keys of later leases left behind.
    const rocksdb::Slice upper = ToSlice(end_);
    auto it = reader_.Iterate(kLeaseKeys, has_end_ ? &upper : nullptr, slices_++ > 0);
    for (it->Seek(ToSlice(next_)); it->Valid() && it->key().starts_with(prefix_); it->Next()) {
      if (meter.UsedUp()) {
        next_.assign(it->key().data(), it->key().size());
        return absl::OkStatus();
      }
      const std::string_view key = ToView(it->key()).substr(prefix_.size());
      visit(key);
      meter.Spend(key.size());
    }
    done_ = true;
    return FromRocks(it->status(), reader_.db().Describe("lease keys"));
  }

  bool done() const override { return done_; }

 private:
  const ViewStatePtr view_;
  RecordReader reader_;
  const std::string prefix_;
  const std::string end_;  // the next lease's prefix
  const bool has_end_;
  std::string next_;
  uint64_t slices_ = 0;
  bool done_ = false;
};

}  // namespace

std::unique_ptr<LeaseKeyCursor> MakeLeaseKeyCursor(ViewStatePtr view, int64_t lease) {
  return std::make_unique<LeaseKeyCursorImpl>(std::move(view), lease);
}

}  // namespace keelson::storage
