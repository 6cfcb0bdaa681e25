#include "client/kvctl/survey.h"

#include <thread>

#include "absl/time/clock.h"
#include "client/kvctl/http_get.h"

namespace keelson::kvctl {
namespace {

// An HTTP date is whole seconds, and is cut, not rounded.
std::optional<absl::Duration> ClockAhead(const std::string& date, absl::Time asked,
                                         absl::Time answered) {
  absl::Time theirs;
  std::string error;
  if (!absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", date, &theirs, &error)) return std::nullopt;
  if (theirs > answered) return theirs - answered;
  if (theirs + absl::Seconds(1) < asked) return theirs + absl::Seconds(1) - asked;
  return absl::ZeroDuration();
}

void Ask(const Invocation& invocation, const SurveyOptions& options, MemberFacts& facts) {
  const client::Maintenance maintenance = invocation.client().maintenance();
  const client::CallOptions call{.timeout = invocation.flags().Duration("dial-timeout")};
  const auto status = maintenance.Status(facts.endpoint, call);
  if (status.ok()) {
    facts.status = *status;
  } else {
    facts.error = std::string(status.status().message());
    return;
  }
  if (options.health) facts.health = maintenance.Health(facts.endpoint, call);
  const absl::Time asked = absl::Now();
  const auto page = HttpGet(facts.endpoint, "/metrics", call.timeout);
  if (!page.ok() || page->status != 200) return;
  facts.metrics = Metrics::Parse(page->body);
  facts.clock_ahead = ClockAhead(page->date, asked, absl::Now());
}

}  // namespace

std::vector<MemberFacts> Survey(const Invocation& invocation, const SurveyOptions& options) {
  std::vector<MemberFacts> all;
  const auto members = invocation.client().cluster().List({.linearizable = false});
  if (members.ok()) {
    for (const client::Member& member : members->members) {
      MemberFacts facts{.member = member};
      if (!member.client_urls.empty()) facts.endpoint = member.client_urls[0];
      if (facts.endpoint.rfind("http://", 0) == 0) facts.endpoint.erase(0, 7);
      all.push_back(std::move(facts));
    }
  } else {
    for (const std::string& endpoint : invocation.endpoints()) {
      all.push_back({.endpoint = endpoint});
    }
  }
  std::vector<std::thread> threads;
  for (MemberFacts& facts : all) {
    if (facts.endpoint.empty()) {
      facts.error = "it has never started";
    } else {
      threads.emplace_back([&] { Ask(invocation, options, facts); });
    }
  }
  for (std::thread& thread : threads) thread.join();
  return all;
}

}  // namespace keelson::kvctl
