// What all members say of themselves, asked at the same time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/keelson/client.h"
#include "client/kvctl/command.h"
#include "client/kvctl/metrics.h"

namespace keelson::kvctl {

struct MemberFacts {
  client::Member member = {};  // without an id where the list of members could not be had
  std::string endpoint = {};   // empty: it has never started
  std::optional<client::MemberStatus> status = {};
  std::string error = {};                          // why there is no status
  client::MemberHealth health = {};                // only if asked for
  std::optional<Metrics> metrics = {};             // not every member serves them there
  std::optional<absl::Duration> clock_ahead = {};  // its clock less ours, if it tells the time
  std::string name() const { return member.name.empty() ? endpoint : member.name; }
};

struct SurveyOptions {
  bool health = false;  // ask for a linearizable read, too
};

// Asks the members of the cluster, or where nobody can list them those of --endpoints.
std::vector<MemberFacts> Survey(const Invocation& invocation, const SurveyOptions& options);

}  // namespace keelson::kvctl
