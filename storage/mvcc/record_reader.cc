#include "storage/mvcc/record_reader.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "storage/mvcc/rocks_fs.h"

namespace keelson::storage {

absl::Status RecordReader::Damaged(std::string_view what) const {
  return absl::DataLossError(db_->Describe(what));
}

absl::StatusOr<VersionPtr> RecordReader::ReadLatest(std::string_view key) const {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = db_->db().Get(read_, db_->family(kLatest), ToSlice(key), &value);
  if (status.IsNotFound()) return VersionPtr();
  if (!status.ok()) return FromRocks(status, db_->Describe("read latest"));
  auto version = std::make_shared<Version>();
  if (!DecodeVersion(ToView(value), key, version.get())) {
    return Damaged(
        absl::StrCat("the record of key ", absl::CEscape(std::string(key)), " is damaged"));
  }
  return version;
}

absl::StatusOr<VersionPtr> RecordReader::ReadUndo(Revision superseded_by, std::string_view key) {
  std::string undo_key = UndoKey(superseded_by);
  KEELSON_CHECK(undo_key.size() == kUndoKeyBytes, "undo keys have one size");
  rocksdb::PinnableSlice value;
  const rocksdb::Status status =
      db_->db().Get(read_, db_->family(kUndo), ToSlice(undo_key), &value);
  const auto name = [&](std::string_view problem) {
    return absl::StrCat("history at revision ", superseded_by.main, ".", superseded_by.sub,
                        " of key ", absl::CEscape(std::string(key)), " ", std::string(problem));
  };
  if (status.IsNotFound()) return Damaged(name("is missing"));
  if (!status.ok()) return FromRocks(status, db_->Describe("read undo"));
  UndoRecord record;
  if (!DecodeUndo(ToView(value), &record)) return Damaged(name("is damaged"));
  if (record.key != key) return Damaged(name("belongs to another key"));
  if (!record.previous) return VersionPtr();
  return std::make_shared<Version>(*std::move(record.previous));
}

std::unique_ptr<rocksdb::Iterator> RecordReader::Iterate(Family family,
                                                         const rocksdb::Slice* upper_bound,
                                                         bool bulk) const {
  rocksdb::ReadOptions read = read_;
  read.iterate_upper_bound = upper_bound;
  read.fill_cache = !bulk;
  return std::unique_ptr<rocksdb::Iterator>(db_->db().NewIterator(read, db_->family(family)));
}

std::unique_ptr<rocksdb::Iterator> RecordReader::IterateShort(Family family) const {
  constexpr uint64_t kMostPassedOver = 16;
  rocksdb::ReadOptions read = read_;
  read.max_skippable_internal_keys = kMostPassedOver;
  return std::unique_ptr<rocksdb::Iterator>(db_->db().NewIterator(read, db_->family(family)));
}

}  // namespace keelson::storage
