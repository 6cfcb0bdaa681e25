// doctor.
#include <algorithm>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "client/kvctl/command.h"
#include "client/kvctl/doctor.h"
#include "client/kvctl/json.h"

namespace keelson::kvctl {
namespace {

using Level = Finding::Level;

const char* LevelName(Level level) {
  switch (level) {
    case Level::kFailure:
      return "FAILURE";
    case Level::kWarning:
      return "warning";
    case Level::kHint:
      return "hint";
    case Level::kOk:
      break;
  }
  return "ok";
}

Answer ToAnswer(const std::vector<Finding>& findings) {
  Answer answer{.columns = {"RESULT", "CHECK", "MEMBER", "WHAT WAS SEEN", "WHAT TO DO"}};
  JsonArray array;
  for (const Finding& finding : findings) {
    const std::string level = LevelName(finding.level);
    answer.rows.push_back({level, finding.check, finding.member, finding.evidence, finding.advice});
    absl::StrAppend(&answer.plain, level, " ", finding.check, ": ", finding.member,
                    finding.member.empty() ? "" : ": ", finding.evidence, "\n");
    if (!finding.advice.empty()) absl::StrAppend(&answer.plain, "    ", finding.advice, "\n");
    array.Raw(JsonObject()
                  .Text("result", finding.level == Level::kFailure ? "failure" : level)
                  .Text("check", finding.check)
                  .SomeText("member", finding.member)
                  .Text("evidence", finding.evidence)
                  .SomeText("advice", finding.advice)
                  .Done());
  }
  answer.json = JsonObject().Raw("findings", array.Done()).Done();
  return answer;
}

ExitCode RunDoctor(Invocation& invocation) {
  const std::vector<MemberFacts> members = Survey(invocation, {.health = true});
  const bool any = std::any_of(members.begin(), members.end(),
                               [](const MemberFacts& one) { return one.status.has_value(); });
  if (!any) {
    for (const MemberFacts& one : members) {
      invocation.err() << "kvctl: " << one.name() << ": " << one.error << "\n";
    }
    return invocation.Report(client::WithOutcome(
        absl::UnavailableError("no member could be reached"), client::Outcome::kFailed));
  }
  const auto alarms = invocation.client().maintenance().Alarms();
  const std::vector<Finding> findings =
      Diagnose(members, alarms.ok() ? alarms->alarms : std::vector<client::Alarm>{});
  invocation.writer().Show(ToAnswer(findings));
  const bool failed = std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.level == Level::kFailure;
  });
  return failed ? kFailed : kOk;
}

}  // namespace

std::vector<Command> DoctorCommands() {
  return {{.name = "doctor",
           .arguments = "",
           .summary = "Name what is wrong with the cluster, with the evidence",
           .details =
               R"(Asks every member for its status, its metrics and a linearizable read, and judges:
who answers, the majority, the leader, who lags, slow disks, the quota, alarms, versions, clocks,
elections. Exits with 1 if there is a failure, with 0 for warnings and hints, with 4 if nobody
answers.
)",
           .examples = R"(  kvctl doctor
  kvctl doctor -o json                        for a check that runs by itself
)",
           .run = RunDoctor}};
}

}  // namespace keelson::kvctl
