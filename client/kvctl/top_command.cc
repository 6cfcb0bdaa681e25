// top.
#include <algorithm>
#include <optional>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/kvctl/command.h"
#include "client/kvctl/json.h"
#include "client/kvctl/survey.h"
#include "client/kvctl/table.h"
#include "client/kvctl/text.h"

namespace keelson::kvctl {
namespace {

struct Sample {
  absl::Time at;
  std::vector<MemberFacts> members;
};

Sample TakeSample(const Invocation& invocation) {
  return {.at = absl::Now(), .members = Survey(invocation, {})};
}

const MemberFacts* SameMember(const Sample& sample, const MemberFacts& wanted) {
  for (const MemberFacts& one : sample.members) {
    if (one.endpoint == wanted.endpoint && one.metrics) return &one;
  }
  return nullptr;
}

// What one member did between two samples.
struct Row {
  std::string name;
  std::string endpoint;
  std::string role;
  std::optional<double> puts = {};     // a second
  std::optional<double> ranges = {};   // a second
  std::optional<double> applied = {};  // log entries a second
  std::optional<double> sync_ms = {};  // the mean sync of the log
  std::optional<double> call_ms = {};  // the mean unary call
  std::optional<double> watchers = {};
  uint64_t lag = 0;  // entries behind the member that is furthest
  int64_t db_size = 0;
};

class Rates {
 public:
  Rates(const Metrics& before, const Metrics& after, absl::Duration passed)
      : before_(before), after_(after), seconds_(absl::ToDoubleSeconds(passed)) {}

  std::optional<double> Rate(const std::vector<std::string>& names) const {
    const auto old_value = before_.First(names);
    const auto new_value = after_.First(names);
    if (!old_value || !new_value || *new_value < *old_value) return std::nullopt;
    return (*new_value - *old_value) / seconds_;
  }

  // The mean of what a histogram of seconds counted meanwhile, in milliseconds.
  std::optional<double> Mean(const std::string& histogram, const std::string& labels) const {
    const auto grown = [&](const std::string& name) {
      return after_.Sum(name, labels).value_or(0) - before_.Sum(name, labels).value_or(0);
    };
    const double count = grown(histogram + "_count");
    if (count <= 0) return std::nullopt;
    return grown(histogram + "_sum") / count * 1000;
  }

 private:
  const Metrics& before_;
  const Metrics& after_;
  const double seconds_;
};

std::string RoleOf(const MemberFacts& one) {
  if (!one.status) return "down";
  if (one.status->is_learner) return "learner";
  if (one.status->is_leader()) return "leader";
  return one.status->leader == 0 ? "no leader" : "follower";
}

Row MakeRow(const Sample& before, const Sample& after, const MemberFacts& one, uint64_t newest) {
  Row row{.name = one.name(), .endpoint = one.endpoint, .role = RoleOf(one)};
  if (one.status) {
    row.lag = newest - std::min(newest, one.status->raft_applied_index);
    row.db_size = one.status->db_size;
  }
  const MemberFacts* then = SameMember(before, one);
  if (then == nullptr || !one.metrics) return row;
  const Rates rates(*then->metrics, *one.metrics, after.at - before.at);
  row.puts = rates.Rate({"etcd_mvcc_put_total", "etcd_debugging_mvcc_put_total"});
  row.ranges = rates.Rate({"etcd_mvcc_range_total", "etcd_debugging_mvcc_range_total"});
  row.applied = rates.Rate({"etcd_server_proposals_applied_total"});
  row.sync_ms = rates.Mean("etcd_disk_wal_fsync_duration_seconds", "");
  row.call_ms = rates.Mean("grpc_server_handling_seconds", "grpc_type=\"unary\"");
  row.watchers = one.metrics->First({"etcd_debugging_mvcc_watcher_total"});
  return row;
}

std::string Shown(const std::optional<double>& number, const char* unit = "") {
  if (!number) return "-";
  return absl::StrFormat(*number < 10 ? "%.1f%s" : "%.0f%s", *number, unit);
}

std::string Known(const std::optional<double>& number) {
  return number ? absl::StrFormat("%.3f", *number) : "null";
}

Answer ToAnswer(const Sample& before, const Sample& after) {
  Answer answer{.columns = {"MEMBER", "ENDPOINT", "ROLE", "PUTS/S", "READS/S", "APPLIED/S", "LAG",
                            "SYNC", "CALL", "WATCHERS", "DB SIZE"}};
  uint64_t newest = 0;
  for (const MemberFacts& one : after.members) {
    if (one.status) newest = std::max(newest, one.status->raft_applied_index);
  }
  JsonArray members;
  for (const MemberFacts& one : after.members) {
    const Row row = MakeRow(before, after, one, newest);
    const bool up = one.status.has_value();
    answer.rows.push_back({row.name, row.endpoint, row.role, Shown(row.puts), Shown(row.ranges),
                           Shown(row.applied), up ? std::to_string(row.lag) : "-",
                           Shown(row.sync_ms, " ms"), Shown(row.call_ms, " ms"),
                           row.watchers ? absl::StrFormat("%.0f", *row.watchers) : "-",
                           up ? HumanBytes(row.db_size) : "-"});
    members.Raw(JsonObject()
                    .Text("name", row.name)
                    .Text("endpoint", row.endpoint)
                    .Text("role", row.role)
                    .Raw("puts_per_second", Known(row.puts))
                    .Raw("reads_per_second", Known(row.ranges))
                    .Raw("applied_per_second", Known(row.applied))
                    .Uint("lag", row.lag)
                    .Raw("sync_ms", Known(row.sync_ms))
                    .Raw("call_ms", Known(row.call_ms))
                    .Raw("watchers", Known(row.watchers))
                    .Int("db_size", row.db_size)
                    .SomeText("error", one.error)
                    .Done());
  }
  answer.json = JsonObject()
                    .Int("interval_ms", absl::ToInt64Milliseconds(after.at - before.at))
                    .Raw("members", members.Done())
                    .Done();
  return answer;
}

// "3 of 3 members answer, m1 leads in term 4, revision 1200"
std::string Headline(const Sample& sample) {
  size_t up = 0;
  int64_t revision = 0;
  std::string leader = "nobody leads";
  for (const MemberFacts& one : sample.members) {
    if (!one.status) continue;
    ++up;
    revision = std::max(revision, one.status->header.revision);
    if (one.status->is_leader()) {
      leader = absl::StrCat(one.name(), " leads in term ", one.status->raft_term);
    }
  }
  return absl::StrCat(up, " of ", sample.members.size(), " members answer, ", leader, ", revision ",
                      revision);
}

ExitCode NobodyAnswers(const Invocation& invocation, const Sample& sample) {
  for (const MemberFacts& one : sample.members) {
    invocation.err() << "kvctl: " << one.name() << ": " << one.error << "\n";
  }
  return invocation.Report(client::WithOutcome(absl::UnavailableError("no member could be reached"),
                                               client::Outcome::kFailed));
}

ExitCode RunTop(Invocation& invocation) {
  const ParsedFlags& flags = invocation.flags();
  const bool once = flags.Bool("once");
  const bool table = flags.String("output").empty() || flags.String("output") == "table";
  const bool screen = invocation.out_is_terminal() && !once && table;
  Event stopped;
  const Stop::Listener listener(invocation.stop(), [&stopped] { stopped.Set(); });
  Sample before = TakeSample(invocation);
  while (true) {
    const bool ended = stopped.Wait(flags.Duration("interval"));
    if (ended && !once) return kOk;
    Sample after = TakeSample(invocation);
    // Home, the answer, and what the last one left below it: no flicker.
    if (screen) invocation.out() << "\x1b[H\x1b[J";
    if (table) invocation.out() << Headline(after) << "\n\n";
    invocation.writer().Show(ToAnswer(before, after));
    invocation.out().flush();
    const bool any = std::any_of(after.members.begin(), after.members.end(),
                                 [](const MemberFacts& one) { return one.status.has_value(); });
    if (once && !any) return NobodyAnswers(invocation, after);
    if (once) return kOk;
    before = std::move(after);
  }
}

}  // namespace

std::vector<Command> TopCommands() {
  return {
      {.name = "top",
       .arguments = "",
       .summary = "Show what the members are doing, again and again",
       .details =
           R"(Rates are those of the last interval, and come from each member's /metrics: - where
it does not serve them on its client port. LAG is in log entries behind the member that is
furthest; SYNC is the mean time of a sync of the log, CALL that of a call. Ctrl-C ends it.
)",
       .examples = R"(  kvctl top
  kvctl top --once -o json                    one interval, for a program
)",
       .flags = {{.name = "once", .help = "one interval, then end", .fallback = "false"},
                 {.name = "interval",
                  .kind = FlagSpec::Kind::kDuration,
                  .value_name = "TIME",
                  .help = "how long one is",
                  .fallback = "1s"}},
       .default_output = OutputFormat::kTable,
       .run = RunTop}};
}

}  // namespace keelson::kvctl
