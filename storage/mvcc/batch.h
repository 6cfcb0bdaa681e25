// The only implementation of ApplyBatch: an overlay over the committed state.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "rocksdb/iterator.h"
#include "rocksdb/write_batch.h"
#include "storage/mvcc/apply_batch.h"
#include "storage/mvcc/raw_overlay.h"
#include "storage/mvcc/record_reader.h"
#include "storage/mvcc/store_core.h"

namespace keelson::storage {

// Work in units of about a microsecond: a read from the database, a change, and so many bytes.
inline constexpr uint64_t kColdReadWork = 4;
inline constexpr uint64_t kChangeWork = 2;
inline constexpr uint64_t kCountWork = 400;
inline uint64_t BytesWork(uint64_t bytes) { return bytes >> 12; }

class Batch : public ApplyBatch, private UndoSource {
 public:
  explicit Batch(StoreCore* core);
  ~Batch() override;

  void BeginRequest() override;
  int64_t EndRequest() override;
  void AbortRequest() override;
  void LimitWork(uint64_t units) override { limit_ = units == 0 ? UINT64_MAX : work_ + units; }
  uint64_t work() const override { return work_; }
  int64_t revision() const override { return state_.revision + (sub_ > 0 ? 1 : 0); }
  int64_t compact_revision() const override { return state_.compact_revision; }
  int64_t db_size() const override { return static_cast<int64_t>(state_.db_size()); }

  absl::StatusOr<KeyValuePtr> Get(std::string_view key, int64_t at) override;
  absl::StatusOr<std::vector<KeyValuePtr>> Range(const KeyRange& range, int64_t at,
                                                 uint64_t limit) override;
  absl::StatusOr<int64_t> Count(const KeyRange& range, int64_t at) override;
  absl::StatusOr<PutResult> Put(std::string_view key, std::string_view value,
                                int64_t lease) override;
  absl::StatusOr<KeyValuePtr> Delete(std::string_view key) override;
  absl::StatusOr<std::vector<KeyValuePtr>> DeleteRange(const KeyRange& range) override;
  absl::Status SetCompactRevision(int64_t revision) override;
  void SkipRevisions(int64_t revisions) override;

  void PutLease(int64_t id, std::string_view record) override;
  void DeleteLease(int64_t id) override;
  absl::StatusOr<std::optional<std::string>> GetLease(int64_t id) override;
  absl::StatusOr<std::vector<std::string>> LeaseKeys(int64_t id) override;
  void PutMeta(std::string_view name, std::string_view value) override;
  void DeleteMeta(std::string_view name) override;
  absl::StatusOr<std::optional<std::string>> GetMeta(std::string_view name) override;

  void HandOver() override;
  absl::Status Prepare(raft::EntryId applied, std::optional<std::string> configuration) override;
  CommitResult Publish() override;

 private:
  struct Entry {
    VersionPtr version;  // the newest; null: the key has no record
    bool changed = false;
  };
  struct PendingChange {
    Change change;
    VersionPtr previous;  // what the undo record holds
    uint64_t bytes_before = 0;
  };
  using Overlay = absl::btree_map<std::string, Entry, std::less<>>;

  // The entry of `key`, read at its first use. Valid until the next entry is made.
  absl::StatusOr<Overlay::iterator> Load(std::string_view key);
  // The newest version that counts: null also for a tombstone that the compaction revision covers.
  absl::StatusOr<VersionPtr> Current(std::string_view key);
  VersionPtr IfItCounts(VersionPtr version) const;
  absl::StatusOr<VersionPtr> ReadUndo(Revision superseded_by, std::string_view key) override;
  absl::Status CheckRevision(int64_t at) const;
  // Calls visit(key, version) in key order for each record of the range, until it returns false or
  // an error.
  template <typename Visit>
  absl::Status Walk(const KeyRange& range, Visit visit);

  // Makes `version` (mod and kv set) the newest of the key at `at`.
  void Install(Overlay::iterator at, std::shared_ptr<Version> version, VersionPtr previous);
  // The keys of a lease in the committed state; the value is always true.
  using LeaseKeyMap = absl::btree_map<std::string, bool>;
  absl::Status StoredLeaseKeys(int64_t id, std::string_view prefix, LeaseKeyMap* keys);
  absl::Status VisitAttachments(rocksdb::Iterator* it, std::string_view prefix, LeaseKeyMap* keys);
  void MoveAttachment(std::string_view key, int64_t from, int64_t to);
  void KeepRequest();

  void EncodeChanges(rocksdb::WriteBatch* out);
  void NoteSuperseded(const PendingChange& pending);
  void EncodeRaw(Family family, const RawOverlay& overlay, rocksdb::WriteBatch* out) const;
  void NoteChanges();
  absl::Status Charge(uint64_t units);
  absl::StatusOr<std::optional<std::string>> GetRaw(const RawOverlay& overlay, Family family,
                                                    std::string_view key) const;

  StoreCore* const core_;
  RecordReader reader_;                            // of the committed state
  std::unique_ptr<rocksdb::Iterator> lease_keys_;  // made at first use
  const int64_t base_revision_;
  StoreState state_;  // with the finished requests and, but for revision, the open one
  Overlay overlay_;
  RawOverlay leases_;
  RawOverlay attachments_;
  RawOverlay meta_;
  std::vector<PendingChange> pending_;  // in revision order

  uint64_t work_ = 0;
  uint64_t limit_ = UINT64_MAX;  // of work_

  bool prepared_ = false;
  uint64_t written_bytes_ = 0;
  uint64_t superseded_bytes_ = 0;  // by this batch, of what is unflushed
  std::optional<std::string> configuration_;
  CommitResult result_;

  bool request_open_ = false;
  int64_t sub_ = 0;  // changes of the open request
  StoreState state_before_request_;
  std::vector<Entry> log_;  // what each change of the open request overwrote in overlay_
};

}  // namespace keelson::storage
