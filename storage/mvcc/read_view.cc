#include "storage/mvcc/read_view.h"

#include <utility>

#include "base/check.h"
#include "storage/mvcc/view_state.h"

namespace keelson::storage {

absl::Status CompactedError() { return absl::OutOfRangeError(kCompactedText); }
absl::Status FutureRevisionError() { return absl::OutOfRangeError(kFutureText); }

bool IsCompacted(const absl::Status& status) {
  return absl::IsOutOfRange(status) && status.message() == kCompactedText;
}

bool IsFutureRevision(const absl::Status& status) {
  return absl::IsOutOfRange(status) && status.message() == kFutureText;
}

absl::Status ReadView::CheckRevision(int64_t wanted) const {
  if (wanted <= 0) return absl::OkStatus();
  if (wanted > revision()) return FutureRevisionError();
  if (wanted < compact_revision()) return CompactedError();
  return absl::OkStatus();
}

ViewState::ViewState(std::shared_ptr<RocksDb> db, const StoreState& state,
                     std::shared_ptr<const CountTable> counts)
    : db_(std::move(db)),
      state_(state),
      counts_(std::move(counts)),
      snapshot_(db_->db().GetSnapshot()) {
  KEELSON_CHECK(snapshot_ != nullptr, "the database supports snapshots");
  db_->retention().AddView(state_.compact_revision);
}

ViewState::~ViewState() {
  db_->db().ReleaseSnapshot(snapshot_);
  db_->retention().RemoveView(state_.compact_revision);
}

namespace {

// The object behind `view`, with a share of its ownership.
ViewStatePtr Share(const ViewState* view) {
  return std::static_pointer_cast<const ViewState>(view->shared_from_this());
}

}  // namespace

absl::StatusOr<KeyValuePtr> ViewState::Get(std::string_view key, int64_t revision) const {
  absl::Status status = CheckRevision(revision);
  if (!status.ok()) return status;
  RecordReader records = reader();
  absl::StatusOr<VersionPtr> version = records.ReadLatest(key);
  if (version.ok() && revision > 0) {
    version = FindVersion(records, key, *std::move(version), {revision, INT64_MAX});
  }
  if (!version.ok()) return version.status();
  return *version == nullptr ? nullptr : (*version)->kv;
}

absl::StatusOr<std::unique_ptr<RangeCursor>> ViewState::Range(KeyRange range,
                                                              RangeOptions options) const {
  absl::Status status = CheckRevision(options.revision);
  if (!status.ok()) return status;
  const int64_t revision = options.revision > 0 ? options.revision : state_.revision;
  return MakeRangeCursor(Share(this), std::move(range), revision, options.keys_only);
}

absl::StatusOr<int64_t> ViewState::Count(const KeyRange& range) const {
  return CountKeys(*db_, reader().read_options(), *counts_, range);
}

absl::StatusOr<std::unique_ptr<SlicedResult<int64_t>>> ViewState::CountAt(KeyRange range,
                                                                          int64_t revision) const {
  absl::Status status = CheckRevision(revision);
  if (!status.ok()) return status;
  if (revision <= 0) revision = state_.revision;
  absl::StatusOr<int64_t> now = Count(range);
  if (!now.ok()) return now.status();
  // Each revision since then has at least one undo record.
  if (state_.revision - revision <= *now) {
    return MakeCountByHistory(Share(this), std::move(range), revision, *now);
  }
  return MakeCountByRange(Share(this), std::move(range), revision);
}

std::unique_ptr<LeaseKeyCursor> ViewState::LeaseKeys(int64_t lease) const {
  return MakeLeaseKeyCursor(Share(this), lease);
}

absl::StatusOr<std::unique_ptr<HistoryCursor>> ViewState::History(int64_t from_revision,
                                                                  KeyFilter wanted) const {
  KEELSON_CHECK(from_revision >= 1, "history begins at revision 1");
  if (from_revision < state_.compact_revision) return CompactedError();
  return MakeHistoryCursor(Share(this), from_revision, std::move(wanted));
}

absl::StatusOr<std::unique_ptr<SlicedResult<HashResult>>> ViewState::HashKv(
    int64_t revision) const {
  absl::Status status = CheckRevision(revision);
  if (!status.ok()) return status;
  return MakeHash(Share(this), revision > 0 ? revision : state_.revision);
}

}  // namespace keelson::storage
