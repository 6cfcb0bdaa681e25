#include "raft/refusal.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace keelson::raft {
namespace {

constexpr absl::string_view kKindUrl = "keelson.raft/refusal";
constexpr absl::string_view kLeaderUrl = "keelson.raft/leader";

absl::StatusCode CodeOf(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNotLeader:
    case Refusal::kTransferring:
    case Refusal::kNoCommitInTerm:
      return absl::StatusCode::kUnavailable;
    case Refusal::kTooManyUncommitted:
      return absl::StatusCode::kResourceExhausted;
    case Refusal::kTooLarge:
    case Refusal::kInvalidChange:
      return absl::StatusCode::kInvalidArgument;
    case Refusal::kChangePending:
    case Refusal::kLearnerNotReady:
      return absl::StatusCode::kFailedPrecondition;
    case Refusal::kUnknownPeer:
      return absl::StatusCode::kNotFound;
  }
  KEELSON_CHECK(false, "unknown refusal");
}

std::optional<uint64_t> NumberPayload(const absl::Status& status, absl::string_view url) {
  const absl::optional<absl::Cord> payload = status.GetPayload(url);
  uint64_t value = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &value)) return std::nullopt;
  return value;
}

void SetNumberPayload(absl::Status& status, absl::string_view url, uint64_t value) {
  status.SetPayload(url, absl::Cord(absl::StrCat(value)));
}

}  // namespace

absl::Status RefusedStatus(Refusal refusal, absl::string_view message, NodeId leader) {
  absl::Status status = RefusedStatus(refusal, CodeOf(refusal), message);
  if (!leader.IsNone()) SetNumberPayload(status, kLeaderUrl, leader.value());
  return status;
}

absl::Status RefusedStatus(Refusal refusal, absl::StatusCode code, absl::string_view message) {
  KEELSON_CHECK(code != absl::StatusCode::kOk, "a refusal is an error");
  absl::Status status(code, message);
  SetNumberPayload(status, kKindUrl, static_cast<uint64_t>(refusal));
  return status;
}

std::optional<Refusal> RefusalOf(const absl::Status& status) {
  const std::optional<uint64_t> kind = NumberPayload(status, kKindUrl);
  if (!kind.has_value()) return std::nullopt;
  return static_cast<Refusal>(*kind);
}

NodeId LeaderHint(const absl::Status& status) {
  return NodeId(NumberPayload(status, kLeaderUrl).value_or(0));
}

}  // namespace keelson::raft
