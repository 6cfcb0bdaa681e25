#include "server/node/machine.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/view.h"
#include "proto/keelson/entry.pb.h"
#include "storage/mvcc/apply_batch.h"

namespace keelson::server {
namespace {

constexpr size_t kIndexBytes = 8;

}  // namespace

std::string EncodeAppliedConfiguration(raft::Index index, std::string_view configuration) {
  std::string stored(kIndexBytes, '\0');
  for (size_t i = 0; i < kIndexBytes; ++i) {
    stored[i] = static_cast<char>(index.value() >> (8 * i));
  }
  stored.append(configuration);
  return stored;
}

absl::StatusOr<AppliedConfiguration> DecodeAppliedConfiguration(std::string_view stored) {
  if (stored.size() < kIndexBytes) {
    return absl::DataLossError("the store's applied configuration is too short");
  }
  uint64_t index = 0;
  for (size_t i = 0; i < kIndexBytes; ++i) {
    index |= uint64_t{static_cast<uint8_t>(stored[i])} << (8 * i);
  }
  return AppliedConfiguration{raft::Index(index), stored.substr(kIndexBytes)};
}

Machine::Machine(std::unique_ptr<storage::MvccStore> store, Origin self)
    : store_(std::move(store)), self_(self), applier_(&facts_) {}

absl::Status Machine::Load() { return facts_.Load(*store_); }

void Machine::Enqueue(std::vector<raft::Entry> entries) {
  for (raft::Entry& entry : entries) {
    const raft::Index before = queue_.empty() ? applied() : queue_.back().index;
    KEELSON_CHECK(entry.index == before.Next(), "committed entries come without gaps");
    queue_.push_back(std::move(entry));
  }
}

absl::Status Machine::ApplyEntry(const raft::Entry& entry, storage::ApplyBatch& batch,
                                 AppliedSlice* slice, std::optional<std::string>* configuration) {
  if (entry.type == raft::EntryType::kConfig) {
    *configuration = EncodeAppliedConfiguration(entry.index, entry.bytes());
    slice->configuration_applied = true;
    return absl::OkStatus();
  }
  if (entry.type == raft::EntryType::kNoop) return absl::OkStatus();
  v1::LogEntry decoded;
  const std::string_view bytes = entry.bytes();
  if (!decoded.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    // Every member sees the same bytes, so passing over them keeps members alike.
    return absl::OkStatus();
  }
  const bool ours = decoded.id().member() == self_.member && decoded.id().boot() == self_.boot;
  const int64_t compacted_before = batch.compact_revision();
  ApplyResult result = applier_.Apply(decoded, ours, batch);
  if (result.fatal) return result.status;
  if (batch.compact_revision() != compacted_before) slice->compacted = batch.compact_revision();
  slice->facts_changed = slice->facts_changed || decoded.has_alarm() ||
                         decoded.has_member_attributes() || decoded.has_cluster_version();
  if (ours) slice->answers.push_back({decoded.id().sequence(), std::move(result)});
  return absl::OkStatus();
}

absl::StatusOr<AppliedSlice> Machine::ApplySlice(size_t max_entries, size_t max_bytes) {
  KEELSON_CHECK(!queue_.empty(), "there is something to apply");
  AppliedSlice slice;
  std::optional<std::string> configuration;
  auto batch = store_->NewBatch();
  raft::EntryId last;
  size_t bytes = 0;
  do {
    const raft::Entry entry = std::move(queue_.front());
    queue_.pop_front();
    if (auto status = ApplyEntry(entry, *batch, &slice, &configuration); !status.ok()) {
      return absl::Status(status.code(), absl::StrCat("apply of entry ", entry.index.value(), ": ",
                                                      status.message()));
    }
    last = entry.id();
    slice.ids.push_back(last);
    bytes += raft::EntryCost(entry);
  } while (!queue_.empty() && slice.ids.size() < max_entries && bytes < max_bytes);
  auto committed = batch->Commit(last, std::move(configuration));
  if (!committed.ok()) return committed.status();
  slice.last = last.index;
  slice.changes = std::move(committed->changes);
  slice.revision = committed->revision;
  slice.lease_changes = applier_.TakeLeaseChanges();
  return slice;
}

absl::StatusOr<std::unique_ptr<storage::MvccStore>> Machine::Replace(
    std::unique_ptr<storage::MvccStore> store) {
  queue_.clear();
  std::swap(store_, store);
  if (auto status = Load(); !status.ok()) return status;
  return store;
}

}  // namespace keelson::server
