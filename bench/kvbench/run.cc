#include "bench/kvbench/run.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>

#include "bench/kvbench/clock.h"
#include "bench/kvbench/keepalive_load.h"
#include "bench/kvbench/load.h"
#include "bench/kvbench/scan.h"
#include "bench/kvbench/text.h"
#include "bench/kvbench/unary.h"

namespace keelson::kvbench {
namespace {

int64_t NanosOf(double seconds) { return static_cast<int64_t>(seconds * 1e9); }

// Room to connect before the first operation is due.
constexpr int64_t kConnectTime = 20 * kNanosPerMilli;

Window MakeWindow(const Options& options) {
  Window window;
  window.start = NowNanos() + (options.count > 0 ? 0 : kConnectTime);
  window.from = window.start + NanosOf(options.warmup_seconds);
  if (options.count == 0) window.to = window.from + NanosOf(options.duration_seconds);
  return window;
}

// The part of `total` that falls to worker `index` of `workers`.
uint64_t Share(uint64_t total, uint64_t index, uint64_t workers) {
  return total / workers + (index < total % workers ? 1 : 0);
}

// One thread's part of the load.
struct Worker {
  Worker(const Options& options, const std::vector<Endpoint>& targets, uint64_t index)
      : builder(options, index, options.threads),
        driver(PlanOf(options, targets, index), &builder, &poller, &stats) {
    stats.keep_times = options.timeline;
  }

  static LoadPlan PlanOf(const Options& options, const std::vector<Endpoint>& targets,
                         uint64_t index) {
    LoadPlan plan;
    plan.targets = targets;
    std::rotate(plan.targets.begin(),
                plan.targets.begin() + static_cast<long>(index % targets.size()),
                plan.targets.end());
    plan.fallbacks = options.endpoints;
    plan.connections = Share(options.connections, index, options.threads);
    plan.streams = options.streams;
    plan.rate = options.rate / static_cast<double>(options.threads);
    plan.count = Share(options.count, index, options.threads);
    plan.timeout = NanosOf(options.timeout_seconds);
    return plan;
  }

  Poller poller;
  RunStats stats;
  OpBuilder builder;
  LoadDriver driver;
};

absl::Status LearnKeys(const Options& options, const Endpoint& target, OpBuilder& builder) {
  if (!builder.wants_to_learn()) return absl::OkStatus();
  Options keys_only = options;
  keys_only.keys_only = true;
  keys_only.limit = 10'000;
  UnaryClient client(target);
  return Scan(keys_only, client,
              [&builder](std::string_view key, int64_t mod_revision) {
                builder.Learn(key, mod_revision);
              })
      .status();
}

// The load on a thread of its own, the watchers on this one.
WatchStats RunApart(Worker& worker, WatchLoad& watch, Poller& poller) {
  std::atomic<bool> load_done = false;
  watch.Measure(&worker.stats, [&load_done] { return load_done.load(); });
  const int64_t cpu_before = ThreadCpuNanos();
  std::thread load([&] {
    worker.driver.Connect();
    RunLoop(worker.poller, {&worker.driver});
    load_done = true;
  });
  RunLoop(poller, {&watch});
  load.join();
  WatchStats stats = watch.stats();
  stats.cpu_nanos = ThreadCpuNanos() - cpu_before;
  return stats;
}

}  // namespace

absl::Status Preload(const Options& options, const std::vector<Endpoint>& targets) {
  if (options.preload == 0) return absl::OkStatus();
  Options fill = options;
  fill.mix = {{OpKind::kPut, 1}};
  fill.keys.sequential = true;
  fill.keys.keys = std::max(options.keys.keys, options.preload);
  fill.stamped = false;
  fill.count = (options.preload + fill.batch - 1) / fill.batch;
  fill.rate = 0;
  fill.connections = std::max<uint64_t>(options.connections, 10);
  fill.streams = 50;
  fill.threads = 1;
  fill.timeline = false;
  const auto result = RunUnary(fill, targets);
  if (!result.ok()) return result.status();
  const OpStats& puts = result->stats.of(OpKind::kPut);
  if (puts.error_count() == 0 && puts.ok_total == fill.count) return absl::OkStatus();
  return absl::UnavailableError(Concat("preload: ", puts.error_count(), " of ", fill.count,
                                       " puts failed; run again on a quiet cluster"));
}

absl::StatusOr<RunResult> RunUnary(const Options& options, const std::vector<Endpoint>& targets) {
  RunResult result;
  result.targets = targets;
  std::vector<std::unique_ptr<Worker>> workers;
  for (uint64_t i = 0; i < options.threads; ++i) {
    workers.push_back(std::make_unique<Worker>(options, targets, i));
    absl::Status learned = LearnKeys(options, targets.front(), workers.back()->builder);
    if (!learned.ok()) return learned;
  }
  const int64_t cpu_before = ProcessCpuNanos();
  const Window window = MakeWindow(options);
  for (const auto& worker : workers) worker->stats.window = window;
  std::vector<std::thread> threads;
  for (const auto& worker : workers) {
    threads.emplace_back([&worker] {
      worker->driver.Connect();
      RunLoop(worker->poller, {&worker->driver});
    });
  }
  for (std::thread& thread : threads) thread.join();
  result.stats.window = window;
  for (const auto& worker : workers) result.stats.Merge(worker->stats);
  result.stats.cpu_nanos = ProcessCpuNanos() - cpu_before;
  return result;
}

absl::StatusOr<RunResult> RunWatch(const Options& options, const std::vector<Endpoint>& targets) {
  Options single = options;
  single.threads = 1;
  const uint64_t watched_keys = options.watch_streams * options.watchers;
  if (options.own_keys) single.keys.keys = options.watched == 100 ? watched_keys : 2 * watched_keys;
  Worker worker(single, targets, 0);
  WatchPlan plan;
  plan.targets = targets;
  plan.prefix = options.keys.prefix;
  plan.connections = options.watch_connections;
  plan.streams = options.watch_streams;
  plan.watchers = options.watchers;
  plan.own_keys = options.own_keys;
  plan.keys = single.keys;
  plan.stuck = options.stuck;
  plan.timeout = NanosOf(options.timeout_seconds) + 20 * kNanosPerSecond;
  Poller own_poller;
  Poller& poller = options.watch_thread ? own_poller : worker.poller;
  WatchLoad watch(plan, &poller);
  watch.Connect();
  RunLoop(poller, {&watch});
  if (!watch.ready()) {
    return absl::UnavailableError(
        Concat("not every watcher was created: ", watch.stats().first_problem));
  }
  const int64_t cpu_before = ProcessCpuNanos();
  worker.stats.window = MakeWindow(options);
  RunResult result{.targets = targets, .stats = {}, .watch = {}};
  if (options.watch_thread) {
    result.watch = RunApart(worker, watch, poller);
  } else {
    watch.Measure(&worker.stats, [&worker] { return worker.driver.Done(); });
    if (options.max_lag > 0) {
      worker.driver.set_gate([&] { return watch.LagInPuts() < options.max_lag; });
    }
    worker.driver.Connect();
    RunLoop(poller, {&worker.driver, &watch});
    result.watch = watch.stats();
  }
  result.stats = worker.stats;
  result.stats.cpu_nanos = ProcessCpuNanos() - cpu_before;
  return result;
}

RunResult RunKeepAlive(const Options& options, const std::vector<Endpoint>& targets) {
  RunResult result;
  result.targets = targets;
  const int64_t cpu_before = ProcessCpuNanos();
  result.stats.window = MakeWindow(options);
  Poller poller;
  KeepAliveLoad load({.targets = targets,
                      .connections = options.connections,
                      .streams = options.streams,
                      .lease_ttl = options.lease_ttl},
                     &poller, &result.stats);
  load.Connect();
  RunLoop(poller, {&load});
  result.stats.cpu_nanos = ProcessCpuNanos() - cpu_before;
  return result;
}

}  // namespace keelson::kvbench
