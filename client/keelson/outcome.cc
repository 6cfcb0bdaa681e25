#include "client/keelson/outcome.h"

#include "absl/strings/cord.h"
#include "base/check.h"

namespace keelson::client {
namespace {

constexpr char kPayload[] = "keelson.client/outcome";

}  // namespace

const char* OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone:
      return "done";
    case Outcome::kFailed:
      return "failed";
    case Outcome::kUnknown:
      break;
  }
  return "unknown";
}

Outcome OutcomeOf(const absl::Status& status) {
  if (status.ok()) return Outcome::kDone;
  const auto payload = status.GetPayload(kPayload);
  if (payload && *payload == OutcomeName(Outcome::kFailed)) return Outcome::kFailed;
  return Outcome::kUnknown;
}

absl::Status WithOutcome(absl::Status status, Outcome outcome) {
  KEELSON_CHECK(status.ok() == (outcome == Outcome::kDone), "only an OK status is done");
  if (!status.ok()) status.SetPayload(kPayload, absl::Cord(OutcomeName(outcome)));
  return status;
}

}  // namespace keelson::client
