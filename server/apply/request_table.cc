#include "server/apply/request_table.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/view.h"
#include "proto/keelson/entry.pb.h"
#include "proto/keelson/request.pb.h"
#include "server/apply/mutants.h"
#include "storage/mvcc/apply_batch.h"
#include "storage/mvcc/mvcc_store.h"

namespace keelson::server {
namespace {

constexpr std::string_view kClock = "request_clock";         // a RequestClock
constexpr std::string_view kRecordPrefix = "request/";       // + id: a RequestRecord
constexpr std::string_view kSlotPrefix = "request_number/";  // + number BE8: a RequestSlot
constexpr uint64_t kOverhead = 64;

std::string RecordName(std::string_view id) { return std::string(kRecordPrefix).append(id); }

std::string SlotName(uint64_t number) {
  std::string name(kSlotPrefix);
  for (int shift = 56; shift >= 0; shift -= 8) name.push_back(static_cast<char>(number >> shift));
  return name;
}

absl::Status Damaged(std::string_view name) {
  return absl::DataLossError(absl::StrCat("meta record \"", ToAbsl(name), "\" can't be read"));
}

}  // namespace

absl::Status RequestTable::Load(const storage::MvccStore& store) {
  newest_ = dropped_ = bytes_ = 0;
  const bool installed = std::exchange(loaded_, true);
  const auto stored = store.GetMeta(kClock);
  if (!stored.ok()) return stored.status();
  if (!stored->has_value()) return absl::OkStatus();
  v1::RequestClock clock;
  if (!clock.ParseFromString(**stored) || clock.dropped() > clock.newest()) return Damaged(kClock);
  newest_ = clock.newest();
  dropped_ = clock.dropped();
  bytes_ = clock.bytes();
  mutant_missing_ = kMutantNamesNotInSnapshots && installed ? newest_ : 0;
  return absl::OkStatus();
}

absl::StatusOr<RequestTable::Found> RequestTable::Find(const v1::RequestId& id,
                                                       storage::ApplyBatch& batch) const {
  if (id.position() > newest_) return Found{Verdict::kFuture, {}};
  // Had it been applied, then under a number above its position: that record was dropped too.
  if (id.position() < dropped_ && !kMutantNameForgotten) return Found{Verdict::kTooOld, {}};
  auto stored = batch.GetMeta(RecordName(id.id()));
  if (!stored.ok()) return stored.status();
  if (!stored->has_value() || kMutantNameAppliedAgain) return Found{};
  v1::RequestRecord record;
  if (!record.ParseFromString(**stored)) return Damaged(RecordName(id.id()));
  if (record.number() <= mutant_missing_) return Found{};
  if (record.digest() != id.digest()) return Found{Verdict::kOther, {}};
  return Found{Verdict::kRepeated, *std::move(stored)};
}

absl::StatusOr<std::optional<std::string>> RequestTable::Recorded(const RequestId& id,
                                                                  uint64_t newest,
                                                                  const storage::MvccStore& store) {
  auto stored = store.GetMeta(RecordName(id.text));
  if (!stored.ok() || !stored->has_value()) return stored;
  v1::RequestRecord record;
  if (!record.ParseFromString(**stored)) return Damaged(RecordName(id.text));
  if (record.number() > newest || record.digest() != id.digest) return std::nullopt;
  return stored;
}

absl::Status RequestTable::Remember(const v1::RequestId& id, v1::RequestRecord record,
                                    storage::ApplyBatch& batch) {
  KEELSON_CHECK(id.position() <= newest_, "its number is above its position");
  record.set_number(++newest_);
  record.set_digest(id.digest());
  const std::string value = record.SerializeAsString();
  v1::RequestSlot slot;
  slot.set_id(id.id());
  slot.set_bytes(2 * id.id().size() + value.size() + kOverhead);
  bytes_ += slot.bytes();
  batch.BeginRequest();
  batch.PutMeta(RecordName(id.id()), value);
  batch.PutMeta(SlotName(newest_), slot.SerializeAsString());
  absl::Status status;
  while (status.ok() && (kept() > limits_.requests || bytes_ > limits_.bytes)) {
    status = DropOldest(batch);
  }
  v1::RequestClock clock;
  clock.set_newest(newest_);
  clock.set_dropped(dropped_);
  clock.set_bytes(bytes_);
  batch.PutMeta(kClock, clock.SerializeAsString());
  batch.EndRequest();
  return status;
}

absl::Status RequestTable::DropOldest(storage::ApplyBatch& batch) {
  const std::string name = SlotName(dropped_ + 1);
  const auto stored = batch.GetMeta(name);
  if (!stored.ok()) return stored.status();
  v1::RequestSlot slot;
  if (!stored->has_value() || !slot.ParseFromString(**stored) || slot.bytes() > bytes_) {
    return Damaged(name);
  }
  batch.DeleteMeta(name);
  batch.DeleteMeta(RecordName(slot.id()));
  bytes_ -= slot.bytes();
  ++dropped_;
  return absl::OkStatus();
}

}  // namespace keelson::server
