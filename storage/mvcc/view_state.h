// What a view and its cursors share.
#pragma once

#include <memory>

#include "storage/mvcc/codec.h"
#include "storage/mvcc/count_index.h"
#include "storage/mvcc/read_view.h"
#include "storage/mvcc/record_reader.h"
#include "storage/mvcc/rocks_db.h"

namespace keelson::storage {

class ViewState : public ReadView {
 public:
  // Loop thread. Pins the newest state, which must be the one `state` and `counts` describe.
  ViewState(std::shared_ptr<RocksDb> db, const StoreState& state,
            std::shared_ptr<const CountTable> counts);
  ~ViewState() override;

  raft::EntryId applied() const override { return state_.applied; }
  int64_t revision() const override { return state_.revision; }
  int64_t compact_revision() const override { return state_.compact_revision; }
  absl::StatusOr<KeyValuePtr> Get(std::string_view key, int64_t revision) const override;
  absl::StatusOr<std::unique_ptr<RangeCursor>> Range(KeyRange range,
                                                     RangeOptions options) const override;
  absl::StatusOr<int64_t> Count(const KeyRange& range) const override;
  absl::StatusOr<std::unique_ptr<SlicedResult<int64_t>>> CountAt(KeyRange range,
                                                                 int64_t revision) const override;
  std::unique_ptr<LeaseKeyCursor> LeaseKeys(int64_t lease) const override;
  absl::StatusOr<std::unique_ptr<HistoryCursor>> History(int64_t from_revision,
                                                         KeyFilter wanted) const override;
  absl::StatusOr<std::unique_ptr<SlicedResult<HashResult>>> HashKv(int64_t revision) const override;

  RecordReader reader() const { return RecordReader(db_.get(), snapshot_); }
  const std::function<uint64_t()>& now_micros() const { return db_->options().now_micros; }

 private:
  const std::shared_ptr<RocksDb> db_;
  const StoreState state_;
  const std::shared_ptr<const CountTable> counts_;
  const rocksdb::Snapshot* const snapshot_;
};

using ViewStatePtr = std::shared_ptr<const ViewState>;

// REQUIRES for all: the revision can be read in the view; it is given, not 0.
std::unique_ptr<RangeCursor> MakeRangeCursor(ViewStatePtr view, KeyRange range, int64_t revision,
                                             bool keys_only);
std::unique_ptr<LeaseKeyCursor> MakeLeaseKeyCursor(ViewStatePtr view, int64_t lease);
std::unique_ptr<HistoryCursor> MakeHistoryCursor(ViewStatePtr view, int64_t from_revision,
                                                 ReadView::KeyFilter wanted);
std::unique_ptr<SlicedResult<int64_t>> MakeCountByRange(ViewStatePtr view, KeyRange range,
                                                        int64_t revision);
std::unique_ptr<SlicedResult<int64_t>> MakeCountByHistory(ViewStatePtr view, KeyRange range,
                                                          int64_t revision, int64_t count_now);
std::unique_ptr<SlicedResult<HashResult>> MakeHash(ViewStatePtr view, int64_t revision);

}  // namespace keelson::storage
