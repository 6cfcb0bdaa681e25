#include "server/node/machine.h"

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/view.h"
#include "proto/keelson/entry.pb.h"
#include "storage/mvcc/apply_batch.h"

namespace keelson::server {
namespace {

constexpr size_t kIndexBytes = 8;

absl::Status TooOld(uint32_t cluster, uint32_t reads) {
  return absl::UnimplementedError(absl::StrCat(
      "the cluster uses log entries of version ", cluster, ", this kvd reads them up to version ",
      reads, ": upgrade kvd on this member, then start it again"));
}

// Of an error that stops the member at an entry.
absl::Status AtEntry(raft::Index index, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat("apply of entry ", index.value(), ": ", status.message()));
}

// A request may be as deep as the library reads by itself (100 levels, groups that nobody knows
// among them) and stands one level deeper in its entry.
constexpr int kEntryDepth = 120;

bool Decode(std::string_view bytes, v1::LogEntry* entry) {
  const int size = static_cast<int>(bytes.size());
  if (entry->ParseFromArray(bytes.data(), size)) return true;
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(bytes.data()),
                                               size);
  input.SetRecursionLimit(kEntryDepth);
  return entry->ParseFromCodedStream(&input) && input.ConsumedEntireMessage();
}

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

// One large entry on its way through another thread.
struct Machine::Large {
  std::unique_ptr<storage::ApplyBatch> batch;
  AppliedSlice slice;
  absl::Status status;
};

Machine::Machine(std::unique_ptr<storage::MvccStore> store, Origin self, uint32_t reads,
                 const Loop* clock, const RequestLimits& requests)
    : store_(std::move(store)),
      self_(self),
      reads_(reads),
      clock_(clock),
      requests_(requests),
      applier_(&facts_, &requests_) {}

Machine::~Machine() = default;

absl::Status Machine::Load() {
  if (auto status = facts_.Load(*store_); !status.ok()) return status;
  if (auto status = requests_.Load(*store_); !status.ok()) return status;
  request_position_ = requests_.newest();
  return facts_.version() > reads_ ? TooOld(facts_.version(), reads_) : absl::OkStatus();
}

void Machine::Enqueue(std::vector<raft::Entry> entries) {
  for (raft::Entry& entry : entries) {
    const raft::Index before = queue_.empty() ? applied() : queue_.back().index;
    KEELSON_CHECK(entry.index == before.Next(), "committed entries come without gaps");
    queue_.push_back(std::move(entry));
  }
}

absl::StatusOr<bool> Machine::ApplyEntry(const raft::Entry& entry, storage::ApplyBatch& batch,
                                         AppliedSlice* slice,
                                         std::optional<std::string>* configuration) {
  if (entry.type == raft::EntryType::kConfig) {
    *configuration = EncodeAppliedConfiguration(entry.index, entry.bytes());
    slice->configuration_applied = true;
    return true;
  }
  if (entry.type == raft::EntryType::kNoop) return true;
  v1::LogEntry decoded;
  const std::string_view bytes = entry.bytes();
  if (!Decode(bytes, &decoded)) {
    return AtEntry(entry.index, UnknownEntry());
  }
  if (decoded.has_cluster_version() && decoded.cluster_version().version() > reads_) {
    return AtEntry(entry.index, TooOld(decoded.cluster_version().version(), reads_));
  }
  const bool ours = decoded.id().member() == self_.member && decoded.id().boot() == self_.boot;
  const int64_t compacted_before = batch.compact_revision();
  ApplyResult result = applier_.Apply(decoded, ours, batch);
  if (storage::IsTooMuchWork(result.status)) return false;
  if (result.fatal) return AtEntry(entry.index, result.status);
  if (batch.compact_revision() != compacted_before) slice->compacted = batch.compact_revision();
  slice->facts_changed = slice->facts_changed || decoded.has_alarm() ||
                         decoded.has_member_attributes() || decoded.has_cluster_version();
  if (ours) {
    slice->answers.push_back({decoded.id().sequence(), entry.index, std::move(result)});
  }
  return true;
}

absl::StatusOr<AppliedSlice> Machine::ApplySlice(const SliceLimits& limits) {
  KEELSON_CHECK(has_work() && !front_is_large_, "there is something to apply");
  AppliedSlice slice;
  std::optional<std::string> configuration;
  auto batch = store_->NewBatch();
  size_t bytes = 0;
  do {
    const raft::Entry& entry = queue_[slice.ids.size()];
    batch->LimitWork(limits.entry_work);
    const auto applied = ApplyEntry(entry, *batch, &slice, &configuration);
    if (!applied.ok()) return applied.status();
    front_is_large_ = !*applied;
    if (front_is_large_) break;
    slice.ids.push_back(entry.id());
    bytes += raft::EntryCost(entry);
  } while (slice.ids.size() < std::min(queue_.size(), limits.entries) && bytes < limits.bytes &&
           batch->work() < limits.work);
  if (slice.ids.empty()) return slice;
  const uint64_t began = Micros();
  auto committed = batch->Commit(slice.ids.back(), std::move(configuration));
  slice.commit_took = std::chrono::microseconds(Micros() - began);
  if (!committed.ok()) return committed.status();
  Conclude(*std::move(committed), &slice);
  return slice;
}

void Machine::Conclude(storage::CommitResult committed, AppliedSlice* slice) {
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(slice->ids.size()));
  slice->last = slice->ids.back().index;
  slice->changes = std::move(committed.changes);
  slice->revision = committed.revision;
  slice->lease_changes = applier_.TakeLeaseChanges();
  request_position_ = requests_.newest();
}

std::function<void()> Machine::StartLarge() {
  KEELSON_CHECK(front_is_large_ && large_ == nullptr, "the next entry is large");
  front_is_large_ = false;
  large_ = std::make_unique<Large>();
  large_->batch = store_->NewBatch();
  large_->batch->HandOver();
  large_->slice.ids.push_back(queue_.front().id());
  return [this, large = large_.get(), entry = queue_.front()] { RunLarge(entry, large); };
}

// On another thread: nothing of the machine is used but applier, named requests, clock and, read
// only, the facts, which the loop leaves alone while a large entry runs.
void Machine::RunLarge(const raft::Entry& entry, Large* large) {
  std::optional<std::string> configuration;
  const auto applied = ApplyEntry(entry, *large->batch, &large->slice, &configuration);
  large->status = applied.status();
  if (!applied.ok()) return;
  KEELSON_CHECK(*applied, "without a limit no entry is too large");
  for (AppliedSlice::Answer& answer : large->slice.answers) PackLargeResponse(&answer.result);
  const uint64_t began = Micros();
  large->status = large->batch->Prepare(entry.id(), std::move(configuration));
  large->slice.commit_took = std::chrono::microseconds(Micros() - began);
}

absl::StatusOr<AppliedSlice> Machine::FinishLarge() {
  KEELSON_CHECK(large_ != nullptr, "a large entry was started");
  const std::unique_ptr<Large> large = std::move(large_);
  if (!large->status.ok()) return large->status;
  Conclude(large->batch->Publish(), &large->slice);
  return std::move(large->slice);
}

void Machine::DropLarge() {
  KEELSON_CHECK(large_ != nullptr, "a large entry was started");
  large_ = nullptr;
}

std::vector<raft::Entry> Machine::TakeQueue() {
  std::vector<raft::Entry> entries(std::make_move_iterator(queue_.begin()),
                                   std::make_move_iterator(queue_.end()));
  queue_.clear();
  return entries;
}

absl::StatusOr<std::unique_ptr<storage::MvccStore>> Machine::Replace(
    std::unique_ptr<storage::MvccStore> store) {
  KEELSON_CHECK(large_ == nullptr, "the store's batch has ended");
  queue_.clear();
  front_is_large_ = false;
  // Of what was applied and not committed.
  (void)applier_.TakeLeaseChanges();
  std::swap(store_, store);
  if (auto status = Load(); !status.ok()) return status;
  return store;
}

}  // namespace keelson::server
