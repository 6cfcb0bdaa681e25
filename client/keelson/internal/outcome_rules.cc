#include "client/keelson/internal/outcome_rules.h"

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace keelson::client::internal {
namespace {

// Answers with these codes are given before a write is proposed, so it cannot have happened.
bool IsRefusal(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kDataLoss:
      return true;
    default:
      return false;
  }
}

// Refusals that go out with a code that could mean anything, so that only the text tells: etcd maps
// some to Unknown or Unavailable, and ResourceExhausted is also what a client makes up for an
// answer too large for it.
bool IsRefusalText(absl::string_view text) {
  return text == "etcdserver: no leader" || text == "etcdserver: too many requests" ||
         text == "etcdserver: mvcc: database space exceeded" ||
         absl::StartsWith(text, "grpc: received message larger than max") ||
         text == "raft proposal dropped" ||
         text == "etcdserver: re-configuration failed due to not enough started members" ||
         text == "etcdserver: unhealthy cluster" || absl::StartsWith(text, "auth: ");
}

// Of a named write that was applied before, whose answer is not known any more. There is no failure
// that counts as done.
bool IsAnswerLost(const absl::Status& status) {
  return status.code() == absl::StatusCode::kAlreadyExists &&
         absl::StartsWith(status.message(), "keelson: the request was applied before");
}

bool IsLearner(const absl::Status& status) {
  return status.code() == absl::StatusCode::kFailedPrecondition &&
         status.message() == "etcdserver: rpc not supported for learner";
}

}  // namespace

Outcome Judge(Effect effect, const CallEnd& end) {
  if (end.status.ok()) return Outcome::kDone;
  if (effect == Effect::kReads || end.reach == Reach::kNotSent) return Outcome::kFailed;
  if (end.reach == Reach::kSent || IsAnswerLost(end.status)) return Outcome::kUnknown;
  const bool refused = IsRefusal(end.status.code()) || IsRefusalText(end.status.message());
  return refused ? Outcome::kFailed : Outcome::kUnknown;
}

bool IsTooOld(const absl::Status& status) {
  return status.code() == absl::StatusCode::kFailedPrecondition &&
         absl::StartsWith(status.message(), "keelson: what this member has ");
}

bool MayRetry(Effect effect, const CallEnd& end) {
  if (end.status.ok()) return false;
  if (end.reach == Reach::kNotSent || IsLearner(end.status)) return true;
  if (effect == Effect::kWrites) return false;
  if (IsTooOld(end.status)) return true;
  switch (end.status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:  // the attempt's time; the call's is looked at apart
      return true;
    case absl::StatusCode::kInternal:
      // The connection broke in the middle of the answer.
      return end.reach == Reach::kSent;
    default:
      return false;
  }
}

bool BlamesEndpoint(const CallEnd& end) {
  if (end.status.ok()) return false;
  if (end.reach != Reach::kAnswered) return end.status.code() != absl::StatusCode::kCancelled;
  return end.status.code() == absl::StatusCode::kUnavailable || IsLearner(end.status);
}

}  // namespace keelson::client::internal
