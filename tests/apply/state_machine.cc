#include "tests/apply/state_machine.h"

#include "base/check.h"
#include "storage/mvcc/apply_batch.h"

namespace keelson::server {

StateMachine::StateMachine(const RequestLimits& requests)
    : disk_([this] { return random_(); }), requests_(requests), applier_(&facts_, &requests_) {
  KEELSON_CHECK(disk_.CreateDirectories("/m").ok(), "a disk in memory makes directories");
  Open();
}

void StateMachine::Open() {
  storage::MvccOptions options;
  options.fs = &disk_;
  options.dir = "/m/db";
  options.manual_background = true;
  options.file_bytes = 16 << 10;
  options.count_bucket_keys = 32;
  options.block_cache_bytes = 1 << 20;
  options.recent_bytes = 64 << 10;
  auto store = storage::MvccStore::Open(options);
  KEELSON_CHECK(store.ok(), "a store on a disk in memory opens");
  store_ = *std::move(store);
  KEELSON_CHECK(facts_.Load(*store_).ok(), "facts that were saved are read");
  KEELSON_CHECK(requests_.Load(*store_).ok(), "counters that were saved are read");
}

void StateMachine::Reopen() {
  {
    const auto flush = store_->StartFlush();  // the job keeps the store's files open
    KEELSON_CHECK(flush.ok(), "a disk in memory flushes");
    if (*flush != nullptr) KEELSON_CHECK((*flush)->Run().ok(), "a disk in memory flushes");
  }
  store_.reset();
  Open();
}

ApplyResult StateMachine::ApplyEntry(const v1::LogEntry& entry,
                                     std::vector<storage::Change>* changes, bool want_response) {
  auto batch = store_->NewBatch();
  ApplyResult result = applier_.Apply(entry, want_response, *batch);
  auto committed = batch->Commit({raft::Term(1), store_->applied().index.Next()});
  KEELSON_CHECK(committed.ok(), "a disk in memory takes a commit");
  if (changes != nullptr) *changes = std::move(committed->changes);
  return result;
}

Applied<etcdserverpb::PutResponse> StateMachine::Apply(const etcdserverpb::PutRequest& request) {
  v1::LogEntry entry;
  *entry.mutable_put() = request;
  return Apply<etcdserverpb::PutResponse>(entry);
}

Applied<etcdserverpb::DeleteRangeResponse> StateMachine::Apply(
    const etcdserverpb::DeleteRangeRequest& request) {
  v1::LogEntry entry;
  *entry.mutable_delete_range() = request;
  return Apply<etcdserverpb::DeleteRangeResponse>(entry);
}

Applied<etcdserverpb::TxnResponse> StateMachine::Apply(const etcdserverpb::TxnRequest& request) {
  v1::LogEntry entry;
  *entry.mutable_txn() = request;
  return Apply<etcdserverpb::TxnResponse>(entry);
}

Applied<etcdserverpb::CompactionResponse> StateMachine::Apply(
    const etcdserverpb::CompactionRequest& request) {
  v1::LogEntry entry;
  *entry.mutable_compact() = request;
  return Apply<etcdserverpb::CompactionResponse>(entry);
}

Applied<etcdserverpb::LeaseGrantResponse> StateMachine::Apply(
    const etcdserverpb::LeaseGrantRequest& request) {
  v1::LogEntry entry;
  *entry.mutable_lease_grant() = request;
  return Apply<etcdserverpb::LeaseGrantResponse>(entry);
}

Applied<etcdserverpb::LeaseRevokeResponse> StateMachine::Apply(
    const etcdserverpb::LeaseRevokeRequest& request) {
  v1::LogEntry entry;
  *entry.mutable_lease_revoke() = request;
  return Apply<etcdserverpb::LeaseRevokeResponse>(entry);
}

}  // namespace keelson::server
