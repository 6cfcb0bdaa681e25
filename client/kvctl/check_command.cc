// check perf.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/kvctl/check.h"
#include "client/kvctl/load.h"
#include "client/kvctl/progress.h"
#include "client/kvctl/text.h"

namespace keelson::kvctl {
namespace {

using Kind = FlagSpec::Kind;

// etcdctl's loads: clients and puts a second.
struct Size {
  const char* name;
  int clients;
  int64_t rate;
};
constexpr Size kSizes[] = {{"s", 50, 150}, {"m", 200, 1000}, {"l", 500, 8000}, {"xl", 1000, 15000}};

// etcdctl's limits.
constexpr double kLeastShare = 0.9;
constexpr absl::Duration kMostLatency = absl::Milliseconds(500);
constexpr absl::Duration kMostDeviation = absl::Milliseconds(100);

std::string InSeconds(absl::Duration duration) {
  return absl::StrFormat("%.6fs", absl::ToDoubleSeconds(duration));
}

std::vector<Verdict> Judge(const LoadResult& result, const LoadPlan& plan) {
  std::vector<Verdict> verdicts;
  const bool fast = result.Rate() >= kLeastShare * static_cast<double>(plan.rate);
  verdicts.push_back({fast, fast ? absl::StrFormat("Throughput is %.0f writes/s", result.Rate())
                                 : absl::StrFormat("Throughput too low: %.0f writes/s of %d",
                                                   result.Rate(), plan.rate)});
  const absl::Duration slowest = result.Quantile(1);
  verdicts.push_back({slowest <= kMostLatency,
                      absl::StrCat(slowest <= kMostLatency ? "Slowest request took "
                                                           : "Slowest request took too long: ",
                                   InSeconds(slowest))});
  const absl::Duration deviation = result.StandardDeviation();
  verdicts.push_back({deviation <= kMostDeviation,
                      absl::StrCat(deviation <= kMostDeviation ? "Stddev is " : "Stddev too high: ",
                                   InSeconds(deviation))});
  if (result.failed > 0) {
    verdicts.push_back(
        {false, absl::StrCat(result.failed, " writes failed: ", result.first_failure.message())});
  }
  return verdicts;
}

ExitCode Show(const Invocation& invocation, const LoadResult& result, const LoadPlan& plan) {
  const auto micros = [&result](double share) {
    return absl::ToInt64Microseconds(result.Quantile(share));
  };
  return ShowVerdicts(invocation, Judge(result, plan),
                      absl::StrCat("Latency: half within ", HumanDuration(result.Quantile(0.5)),
                                   ", 99 % within ", HumanDuration(result.Quantile(0.99))),
                      JsonObject()
                          .Int("writes", static_cast<int64_t>(result.latencies.size()))
                          .Int("failed", result.failed)
                          .Int("writes_per_second", static_cast<int64_t>(result.Rate()))
                          .Int("p50_us", micros(0.5))
                          .Int("p99_us", micros(0.99))
                          .Int("max_us", micros(1)));
}

ExitCode RunPerf(Invocation& invocation) {
  const ParsedFlags& flags = invocation.flags();
  LoadPlan plan{.duration = flags.Duration("duration"), .prefix = flags.String("prefix")};
  if (plan.prefix.empty() || plan.duration < absl::Seconds(1)) {
    return invocation.Misused("check perf: --prefix must not be empty, --duration 1s at least");
  }
  for (const Size& size : kSizes) {
    if (flags.String("load") != size.name) continue;
    plan.clients = size.clients;
    plan.rate = size.rate;
  }
  if (const auto refused = RefuseUsedPrefix(invocation, plan.prefix)) return *refused;
  LoadResult result;
  Event stopped;
  {
    const Stop::Listener listener(invocation.stop(), [&stopped] { stopped.Set(); });
    ProgressLine line(invocation, ProgressLine::Unit::kSeconds);
    const auto total = static_cast<uint64_t>(absl::ToInt64Seconds(plan.duration));
    const client::Kv kv = invocation.client().kv();
    result = RunLoad(kv, plan, stopped, [&line, total](const LoadProgress& progress) {
      line.Show(static_cast<uint64_t>(absl::ToInt64Seconds(progress.passed)), total);
    });
  }
  absl::Status cleaned = CleanUp(invocation, plan.prefix, plan.Puts());
  if (cleaned.ok() && flags.Bool("auto-defrag")) cleaned = Defragment(invocation);
  const ExitCode code = stopped.IsSet() ? ToldOfStop(invocation) : Show(invocation, result, plan);
  return cleaned.ok() ? code : invocation.Report(cleaned);
}

}  // namespace

std::vector<Command> CheckCommands() {
  return {{.name = "check perf",
           .arguments = "",
           .summary = "Put a load on the cluster and judge how it copes",
           .details =
               R"(Puts 1 KiB values at a steady rate and deletes them afterwards. s, m, l and xl are
150, 1,000, 8,000 and 15,000 writes a second by 50, 200, 500 and 1,000 clients. PASS is at least
90 % of the rate, no write over 500 ms, and a standard deviation of at most 100 ms, as etcdctl
judges. Exits with 1 for FAIL. It takes its share of the cluster and of its quota: not for the
busiest hour.
)",
           .examples = R"(  kvctl check perf                            a small load for a minute
  kvctl check perf --load m --duration 10s --auto-compact
)",
           .flags = {LoadFlag("s"),
                     {.name = "duration",
                      .kind = Kind::kDuration,
                      .value_name = "TIME",
                      .help = "for how long",
                      .fallback = "60s"},
                     CheckPrefixFlag("/kvctl-check-perf/"),
                     AutoCompactFlag(),
                     AutoDefragFlag()},
           .run = RunPerf},
          DatascaleCommand()};
}

}  // namespace keelson::kvctl
