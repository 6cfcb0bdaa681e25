// How failures are told: what happened, and what to do next.
#include <ostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/kvctl/command.h"

namespace keelson::kvctl {
namespace {

using client::Outcome;

ExitCode CodeFor(const absl::Status& status) {
  if (client::OutcomeOf(status) == Outcome::kUnknown) return kUnknown;
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kUnavailable;
    case absl::StatusCode::kNotFound:
      return kNotFound;
    default:
      return kFailed;
  }
}

std::string Advice(const absl::Status& status) {
  const absl::string_view text = status.message();
  if (absl::StrContains(text, "leader transfer took too long")) {
    return "`kvctl endpoint status --cluster` shows who leads, and whether the other one answers "
           "and "
           "keeps up.";
  }
  if (absl::StrContains(text, "bad leader transferee")) {
    return "Only a member that votes can lead: `kvctl member list` shows who is a learner.";
  }
  if (client::OutcomeOf(status) == Outcome::kUnknown) {
    return "The write may have happened, or may happen yet: read before you try it again.";
  }
  if (absl::StrContains(text, "no member could be reached")) {
    return "Is the cluster running there? `./dev cluster` starts one on this machine; --endpoints "
           "or KVCTL_ENDPOINTS names another.";
  }
  if (absl::StrContains(text, "unhealthy cluster")) {
    return "A voter is down or was just started: `kvctl endpoint status --cluster` shows which. "
           "One "
           "that is lost for good is to be removed before another is added.";
  }
  if (absl::StrContains(text, "no leader") || absl::IsDeadlineExceeded(status) ||
      absl::IsUnavailable(status)) {
    return "`kvctl endpoint status` shows which members answer; without a majority of them only "
           "reads from one member work: `kvctl get --serializable`, or --stale-ok, which tells the "
           "age.";
  }
  if (absl::StrContains(text, "database space exceeded")) {
    return "The store is full: delete keys, `kvctl compact` old revisions, then `kvctl alarm "
           "disarm`.";
  }
  if (absl::StrContains(text, "has been compacted")) {
    return "What was before is gone. Ask for a later revision, or leave --rev out for the present.";
  }
  if (absl::StrContains(text, "is a future revision")) {
    return "The store has not come that far: `kvctl get KEY -o fields` shows its revision.";
  }
  if (absl::StrContains(text, "ms old, asked for at most")) {
    return "Without a majority no member has anything newer: --stale-ok takes what there is, and "
           "tells its age.";
  }
  if (absl::StrContains(text, "member not found")) {
    return "`kvctl member list` shows the members there are.";
  }
  if (absl::StrContains(text, "not enough started members")) {
    return "Those that have started would be no majority any more: start the ones that were added "
           "(`kvctl member list` shows them as unstarted), or remove them.";
  }
  if (absl::StrContains(text, "in sync with leader")) {
    return "It has not caught up yet, or does not run: try again in a moment.";
  }
  if (absl::StrContains(text, "lease not found")) {
    return "It has expired or was revoked; `kvctl lease list` shows those alive.";
  }
  return "";
}

}  // namespace

ExitCode Invocation::Report(const absl::Status& status) const {
  err() << "kvctl: " << std::string(status.message()) << "\n";
  if (const std::string advice = Advice(status); !advice.empty()) err() << advice << "\n";
  const auto& variables = environment().variables;
  const bool chose_none = !flags().Given("endpoints") && variables.count("KVCTL_ENDPOINTS") == 0;
  if (chose_none && variables.count("ETCDCTL_ENDPOINTS") > 0) {
    err() << "ETCDCTL_ENDPOINTS is not read: export KVCTL_ENDPOINTS=\"$ETCDCTL_ENDPOINTS\"\n";
  }
  return CodeFor(status);
}

ExitCode Invocation::Misused(const std::string& what) const {
  err() << "kvctl: " << what << "\n";
  return kUsage;
}

}  // namespace keelson::kvctl
