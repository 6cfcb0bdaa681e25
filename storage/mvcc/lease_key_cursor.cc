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
        next_(prefix_) {}

  absl::Status Visit(const SliceBudget& budget, Visitor visit) override {
    if (done_) return absl::OkStatus();
    SliceMeter meter(budget, view_->now_micros());
    auto it = reader_.Iterate(kLeaseKeys, nullptr, slices_++ > 0);
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
  std::string next_;
  uint64_t slices_ = 0;
  bool done_ = false;
};

}  // namespace

std::unique_ptr<LeaseKeyCursor> MakeLeaseKeyCursor(ViewStatePtr view, int64_t lease) {
  return std::make_unique<LeaseKeyCursorImpl>(std::move(view), lease);
}

}  // namespace keelson::storage
