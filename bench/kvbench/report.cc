#include "bench/kvbench/report.h"

#include "absl/strings/str_format.h"
#include "bench/kvbench/clock.h"
#include "bench/kvbench/json_writer.h"
#include "bench/kvbench/text.h"

namespace keelson::kvbench {
namespace {

constexpr int64_t kTimelineSlot = 10 * kNanosPerMilli;

double Micros(int64_t nanos) { return static_cast<double>(nanos) / 1e3; }
double Millis(int64_t nanos) { return static_cast<double>(nanos) / 1e6; }

void WriteLatency(const Histogram& latency, JsonWriter& json) {
  json.BeginObject("latency_us")
      .Double("min", Micros(latency.min()))
      .Double("mean", latency.mean() / 1e3)
      .Double("p50", Micros(latency.Percentile(50)))
      .Double("p90", Micros(latency.Percentile(90)))
      .Double("p99", Micros(latency.Percentile(99)))
      .Double("p99_9", Micros(latency.Percentile(99.9)))
      .Double("max", Micros(latency.max()))
      .EndObject();
}

void WriteOp(OpKind kind, const OpStats& stats, double seconds, JsonWriter& json) {
  json.BeginObject(NameOf(kind))
      .Uint("ok", stats.ok)
      .Uint("ok_total", stats.ok_total)
      .Double("ops_per_s", static_cast<double>(stats.ok) / seconds)
      .Uint("missed", stats.missed)
      .Uint("keys", stats.keys)
      .Uint("bytes", stats.bytes);
  WriteLatency(stats.latency, json);
  json.Uint("error_count", stats.error_count()).BeginArray("errors");
  for (size_t code = 0; code < stats.errors.size(); ++code) {
    if (stats.errors[code] == 0) continue;
    json.BeginObject()
        .String("code", StatusCodeName(static_cast<int>(code)))
        .Uint("count", stats.errors[code])
        .String("first", stats.first_error[code])
        .EndObject();
  }
  json.EndArray().EndObject();
}

double PerOp(int64_t nanos, const RunStats& stats) {
  return stats.ok_total() == 0 ? 0.0 : Micros(nanos) / static_cast<double>(stats.ok_total());
}

void WriteWatch(const WatchStats& watch, const RunStats& stats, JsonWriter& json) {
  json.BeginObject("watch")
      .Uint("delivered", watch.delivered)
      .Uint("delivered_total", watch.delivered_total)
      .Double("events_per_s", static_cast<double>(watch.delivered) / stats.measured_seconds())
      .Double("thread_cpu_us_per_op", PerOp(watch.cpu_nanos, stats))
      .Uint("missing", watch.missing)
      .Uint("out_of_order", watch.out_of_order)
      .Uint("broken", watch.broken)
      .Uint("bytes", watch.bytes)
      .String("first_problem", watch.first_problem);
  WriteLatency(watch.latency, json);
  json.EndObject();
}

void WriteTimeline(const RunStats& stats, JsonWriter& json) {
  const Gap gap = LongestGap(stats.ok_times, stats.window);
  json.BeginObject("timeline")
      .Double("longest_gap_ms", Millis(gap.length))
      .Double("gap_after_ms", Millis(gap.after))
      .BeginArray("ok_per_10ms");
  for (const uint64_t count : CountPerSlot(stats.ok_times, stats.window, kTimelineSlot)) {
    json.Uint({}, count);
  }
  json.EndArray().EndObject();
}

void WriteShape(const Options& options, const RunResult& result, JsonWriter& json) {
  json.BeginArray("targets");
  for (const Endpoint& target : result.targets) json.String({}, target.ToString());
  json.EndArray()
      .Uint("connections", options.connections)
      .Uint("streams", options.streams)
      .Uint("threads", options.threads)
      .Double("rate", options.rate)
      .Uint("keys", options.keys.keys)
      .Uint("key_size", options.keys.key_size)
      .Uint("value_size", options.value_size)
      .Uint("batch", options.batch)
      .Uint("seed", options.seed);
}

std::string LatencyRow(const Histogram& latency) {
  return absl::StrFormat("%9.3f %9.3f %9.3f %9.3f %9.3f", Millis(latency.Percentile(50)),
                         Millis(latency.Percentile(90)), Millis(latency.Percentile(99)),
                         Millis(latency.Percentile(99.9)), Millis(latency.max()));
}

void AppendErrors(const OpStats& stats, std::string& text) {
  for (size_t code = 0; code < stats.errors.size(); ++code) {
    if (stats.errors[code] == 0) continue;
    absl::StrAppendFormat(&text, "    %u x %s: %s\n", stats.errors[code],
                          StatusCodeName(static_cast<int>(code)), stats.first_error[code]);
  }
}

void AppendWatch(const WatchStats& watch, double seconds, std::string& text) {
  absl::StrAppendFormat(
      &text, "  %-16s %10.0f %9u  %s\n", "event", static_cast<double>(watch.delivered) / seconds,
      watch.missing + watch.out_of_order + watch.broken, LatencyRow(watch.latency));
  if (watch.missing + watch.out_of_order + watch.broken == 0) return;
  absl::StrAppendFormat(&text, "    missing %u, out of order %u, broken %u: %s\n", watch.missing,
                        watch.out_of_order, watch.broken, watch.first_problem);
}

}  // namespace

std::string RunAsJson(const Options& options, const RunResult& result) {
  const RunStats& stats = result.stats;
  const double seconds = stats.measured_seconds();
  JsonWriter json;
  json.BeginObject().String("command", options.name);
  WriteShape(options, result, json);
  json.Double("seconds", seconds)
      .Uint("ok_total", stats.ok_total())
      .Uint("error_total", stats.error_total())
      .Uint("reconnects", stats.reconnects)
      .Double("client_cpu_us_per_op", PerOp(stats.cpu_nanos, stats))
      .BeginObject("ops");
  for (size_t i = 0; i < kOpKindCount; ++i) {
    const OpStats& op = stats.ops[i];
    if (op.ok_total + op.error_count() > 0) WriteOp(static_cast<OpKind>(i), op, seconds, json);
  }
  json.EndObject();
  if (result.watch) WriteWatch(*result.watch, stats, json);
  if (stats.keep_times || !stats.ok_times.empty()) WriteTimeline(stats, json);
  json.EndObject();
  return json.text() + "\n";
}

std::string RunAsTable(const Options& options, const RunResult& result) {
  const RunStats& stats = result.stats;
  const double seconds = stats.measured_seconds();
  std::string text = absl::StrFormat("%s: %u connections x %u streams", options.name,
                                     options.connections, options.streams);
  if (options.rate > 0) absl::StrAppendFormat(&text, ", %.0f/s offered", options.rate);
  absl::StrAppendFormat(&text, ", %.1f s, to", seconds);
  for (const Endpoint& target : result.targets) text += Concat(" ", target.ToString());
  absl::StrAppendFormat(&text, "\n  %-16s %10s %9s  %9s %9s %9s %9s %9s ms\n", "", "per second",
                        "errors", "p50", "p90", "p99", "p99.9", "max");
  for (size_t i = 0; i < kOpKindCount; ++i) {
    const OpStats& op = stats.ops[i];
    if (op.ok_total + op.error_count() == 0) continue;
    absl::StrAppendFormat(&text, "  %-16s %10.0f %9u  %s\n", NameOf(static_cast<OpKind>(i)),
                          static_cast<double>(op.ok) / seconds, op.error_count(),
                          LatencyRow(op.latency));
    if (op.missed > 0) absl::StrAppendFormat(&text, "    %u found nothing\n", op.missed);
    AppendErrors(op, text);
  }
  if (result.watch) AppendWatch(*result.watch, seconds, text);
  if (options.timeline) {
    const Gap gap = LongestGap(stats.ok_times, stats.window);
    absl::StrAppendFormat(&text,
                          "  longest time without a success: %.1f ms, %.0f ms into the run\n",
                          Millis(gap.length), Millis(gap.after));
  }
  absl::StrAppendFormat(&text, "  this client: %.2f us CPU per operation",
                        PerOp(stats.cpu_nanos, stats));
  if (stats.reconnects > 0) absl::StrAppendFormat(&text, ", %u reconnects", stats.reconnects);
  return text + "\n";
}

std::string StatusAsJson(const std::vector<MemberStatus>& members) {
  JsonWriter json;
  json.BeginArray();
  for (const MemberStatus& member : members) {
    json.BeginObject()
        .String("endpoint", member.endpoint.ToString())
        .String("error", member.error)
        .String("version", member.version)
        .String("member_id", absl::StrFormat("%x", member.member_id))
        .String("leader", absl::StrFormat("%x", member.leader))
        .Uint("raft_term", member.raft_term)
        .Uint("raft_index", member.raft_index)
        .Uint("applied_index", member.applied_index)
        .Int("revision", member.revision)
        .Int("db_size", member.db_size)
        .EndObject();
  }
  json.EndArray();
  return json.text() + "\n";
}

std::string StatusAsTable(const std::vector<MemberStatus>& members) {
  std::string text;
  for (const MemberStatus& member : members) {
    if (!member.error.empty()) {
      absl::StrAppendFormat(&text, "%s\n", member.error);
      continue;
    }
    absl::StrAppendFormat(
        &text, "%s  %x  %-8s version %s  term %u  index %u  applied %u  revision %d  size %d\n",
        member.endpoint.ToString(), member.member_id,
        member.leader == member.member_id ? "leader" : "follower", member.version, member.raft_term,
        member.raft_index, member.applied_index, member.revision, member.db_size);
  }
  return text;
}

bool Succeeded(const RunResult& result) {
  if (result.watch && result.watch->missing + result.watch->out_of_order + result.watch->broken > 0)
    return false;
  return result.stats.ok_total() > 0 && result.stats.error_total() == 0;
}

}  // namespace keelson::kvbench
