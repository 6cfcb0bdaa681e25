// alarm list, alarm disarm.
#include "client/kvctl/command.h"

namespace keelson::kvctl {
namespace {

ExitCode RunAlarmList(Invocation& invocation) {
  const auto result = invocation.client().maintenance().Alarms();
  if (!result.ok()) return invocation.Report(result.status());
  invocation.writer().Alarms(*result);
  return kOk;
}

ExitCode RunAlarmDisarm(Invocation& invocation) {
  const client::Maintenance maintenance = invocation.client().maintenance();
  const auto raised = maintenance.Alarms();
  if (!raised.ok()) return invocation.Report(raised.status());
  client::AlarmResult disarmed{.header = raised->header};
  for (const client::Alarm& alarm : raised->alarms) {
    const auto result = maintenance.Disarm(alarm);
    if (!result.ok()) return invocation.Report(result.status());
    disarmed.header = result->header;
    disarmed.alarms.insert(disarmed.alarms.end(), result->alarms.begin(), result->alarms.end());
  }
  invocation.writer().Alarms(disarmed);
  return kOk;
}

}  // namespace

std::vector<Command> AlarmCommands() {
  return {
      {.name = "alarm list",
       .arguments = "",
       .summary = "List the alarms that members have raised",
       .details =
           R"(NOSPACE: the store has reached its quota and takes no more growth. CORRUPT: a member's data differs
from the others'.
)",
       .examples = "  kvctl alarm list\n",
       .run = RunAlarmList},
      {.name = "alarm disarm",
       .arguments = "",
       .summary = "Clear all alarms",
       .details = "Cure the cause first. Prints the alarms that were cleared.\n",
       .examples = "  kvctl alarm disarm\n",
       .run = RunAlarmDisarm}};
}

}  // namespace keelson::kvctl
