#include "server/api/write.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "server/apply/errors.h"
#include "server/apply/request_id.h"

namespace keelson::server {
namespace {

constexpr std::array<std::string_view, 6> kNamed = {
    "/etcdserverpb.KV/Put",     "/etcdserverpb.KV/DeleteRange",   "/etcdserverpb.KV/Txn",
    "/etcdserverpb.KV/Compact", "/etcdserverpb.Lease/LeaseGrant", "/etcdserverpb.Lease/LeaseRevoke",
};

std::string_view OutcomeOf(ApplyResult::Named named) {
  switch (named) {
    case ApplyResult::Named::kFirst:
      return "first";
    case ApplyResult::Named::kRepeated:
      return kRepeatedOutcome;
    case ApplyResult::Named::kTooOld:
      return "too-old";
    case ApplyResult::Named::kNone:
      break;
  }
  return {};
}

// Only what the log has decided tells of the name.
void TellOutcome(const Node& node, Call& call, const ApplyResult& result) {
  const std::string_view outcome = OutcomeOf(result.named);
  if (outcome.empty()) return;
  call.AddMetadata(kRequestOutcomeKey, outcome);
  call.AddMetadata("keelson-request-position", absl::StrCat(node.request_position()));
}

ApplyResult Refused(const absl::Status& status) {
  ApplyResult result;
  result.status = status;
  return result;
}

}  // namespace

bool TakesRequestId(std::string_view method) {
  return std::find(kNamed.begin(), kNamed.end(), method) != kNamed.end();
}

absl::Status CheckSpace(Node& node, int64_t cost) {
  return node.HasSpaceFor(cost) ? absl::OkStatus() : errors::NoSpace();
}

void ProposeFor(Node& node, const std::shared_ptr<Call>& call, WriteKind kind,
                std::string_view request, std::string_view asked, Node::WriteDone done,
                const absl::Status& refusal) {
  const auto name = call->context().Find(kRequestIdKey);
  if (!name.has_value()) {
    if (refusal.ok()) return node.Write(kind, request, std::move(done));
    return done(Refused(refusal));
  }
  absl::StatusOr<RequestId> id = ParseRequestId(*name);
  if (!id.ok()) return Answer(*call, id.status());
  id->digest = RequestDigest(static_cast<uint32_t>(kind), asked);
  auto answer = [&node, call, kind, id = *id, done = std::move(done)](ApplyResult result) {
    if (result.named == ApplyResult::Named::kNone && absl::IsResourceExhausted(result.status)) {
      // Refused before the log, which says nothing of an earlier try.
      if (auto known = node.RecordedAnswer(kind, id)) result = *std::move(known);
    }
    TellOutcome(node, *call, result);
    done(std::move(result));
  };
  if (!refusal.ok()) return answer(Refused(refusal));
  node.WriteNamed(kind, request, *id, std::move(answer));
}

}  // namespace keelson::server
