#include "client/keelson/internal/request_names.h"

#include <algorithm>
#include <array>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace keelson::client::internal {
namespace {

constexpr std::array<std::string_view, 6> kNamed = {
    "/etcdserverpb.KV/Put",     "/etcdserverpb.KV/DeleteRange",   "/etcdserverpb.KV/Txn",
    "/etcdserverpb.KV/Compact", "/etcdserverpb.Lease/LeaseGrant", "/etcdserverpb.Lease/LeaseRevoke",
};

}  // namespace

bool CanBeNamed(std::string_view method) {
  return std::find(kNamed.begin(), kNamed.end(), method) != kNamed.end();
}

NameOutcome NameOutcomeOf(const Metadata& answer) {
  const std::string* outcome = Find(answer, "keelson-request-outcome");
  if (outcome == nullptr) return NameOutcome::kNone;
  return *outcome == "too-old" ? NameOutcome::kTooOld : NameOutcome::kDecided;
}

bool IsForeignPosition(const absl::Status& status) {
  return absl::IsInvalidArgument(status) &&
         absl::StartsWith(status.message(), "keelson: the position in the request id ");
}

bool IsTooEarlyForNames(const absl::Status& status) {
  return absl::IsUnavailable(status) &&
         absl::StartsWith(status.message(), "keelson: request ids are taken once ");
}

std::string RequestNames::Make() {
  const std::lock_guard lock(mutex_);
  return absl::StrCat(position_, "-", client_, ".", ++number_);
}

void RequestNames::Heard(const Metadata& answer) {
  if (NameOutcomeOf(answer) == NameOutcome::kNone) return;
  uint64_t position = 0;
  const std::string* text = Find(answer, "keelson-request-position");
  if (text != nullptr && !absl::SimpleAtoi(*text, &position)) position = 0;
  const std::lock_guard lock(mutex_);
  support_ = Support::kYes;
  position_ = std::max(position_, position);
}

void RequestNames::Deny() {
  const std::lock_guard lock(mutex_);
  if (support_ == Support::kUnknown) support_ = Support::kNo;
}

void RequestNames::NotYet(Instant now) {
  const std::lock_guard lock(mutex_);
  not_before_ = now + absl::Seconds(1);
}

bool RequestNames::IsWanted(Instant now) const {
  const std::lock_guard lock(mutex_);
  return support_ != Support::kNo && now >= not_before_;
}

void RequestNames::Forget() {
  const std::lock_guard lock(mutex_);
  support_ = Support::kUnknown;
  position_ = 0;
}

RequestNames::Support RequestNames::support() const {
  const std::lock_guard lock(mutex_);
  return support_;
}

}  // namespace keelson::client::internal
