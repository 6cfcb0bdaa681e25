// What libkeelson costs its process. One measurement, then one line of JSON; bench/client/go does
// the same with etcd's client for Go.
//
//   client_probe ENDPOINT calls put|get CALLERS SECONDS
//   client_probe ENDPOINT async put|get CALLERS SECONDS    futures in place of threads
//   client_probe ENDPOINT watches COUNT separate|together
//   client_probe ENDPOINT range PAIRS stream|pages         of 256 B, read by a RangeReader
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/check.h"
#include "client/keelson/client.h"
#include "client/keelson/internal/core.h"
#include "client/keelson/range_reader.h"

namespace keelson::bench {
namespace {

using client::KeyRange;
using Clock = std::chrono::steady_clock;

double CpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

int64_t MemoryBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmRSS:", 0) == 0) return std::atoll(line.c_str() + 6) * 1024;
  }
  return 0;
}

// The calls of one measurement.
class Calls {
 public:
  Calls(const client::Client& client, bool put, double seconds)
      : kv_(client.kv()), put_(put), end_(Clock::now() + Span(seconds)) {}

  void Blocking(int caller) {
    std::vector<double> micros;
    while (Clock::now() < end_) {
      const auto begin = Clock::now();
      KEELSON_CHECK(Ok(caller), "the server answers");
      micros.push_back(Micros(begin));
    }
    Keep(micros);
  }

  // The next one from where the last one has ended, on the client's thread.
  void Chain(int caller) {
    if (Clock::now() >= end_) {
      --chains_;
      chains_.notify_all();
      return;
    }
    const auto begin = Clock::now();
    const auto next = [this, caller, begin](const absl::Status& status) {
      KEELSON_CHECK(status.ok(), "the server answers");
      micros_.push_back(Micros(begin));
      Chain(caller);
    };
    if (put_) {
      kv_.PutAsync(Key(caller), kValue).Then([next](auto result) { next(result.status()); });
    } else {
      kv_.GetAsync(KeyRange::Key(Key(caller))).Then([next](auto result) { next(result.status()); });
    }
  }
  void RunChains(int callers) {
    chains_ = callers;
    for (int i = 0; i < callers; ++i) Chain(i);
    for (int left = chains_; left > 0; left = chains_) chains_.wait(left);
  }

  void Report(double seconds, double cpu) {
    KEELSON_CHECK(!micros_.empty(), "something was called");
    std::sort(micros_.begin(), micros_.end());
    const double count = static_cast<double>(micros_.size());
    std::printf("{\"per_s\": %.0f, \"cpu_us\": %.2f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
                count / seconds, cpu / count * 1e6, micros_[micros_.size() / 2],
                micros_[micros_.size() * 99 / 100]);
  }

 private:
  static constexpr char kValue[] = "0123456789abcdef0123456789abcdef";

  static Clock::duration Span(double seconds) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  }
  static double Micros(Clock::time_point begin) {
    return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
  }
  static std::string Key(int caller) { return absl::StrCat("probe/", caller); }

  bool Ok(int caller) {
    if (put_) return kv_.Put(Key(caller), kValue).ok();
    return kv_.Get(KeyRange::Key(Key(caller))).ok();
  }
  void Keep(const std::vector<double>& micros) {
    const std::lock_guard lock(mutex_);
    micros_.insert(micros_.end(), micros.begin(), micros.end());
  }

  const client::Kv kv_;
  const bool put_;
  const Clock::time_point end_;
  std::atomic<int> chains_{0};
  std::mutex mutex_;  // guards what follows, where callers have threads
  std::vector<double> micros_;
};

void MeasureCalls(const client::Client& client, bool put, bool async, int callers, double seconds) {
  KEELSON_CHECK(client.kv().Put("probe/0", "warm").ok(), "the server answers");
  const double cpu = CpuSeconds();
  const auto begin = Clock::now();
  Calls calls(client, put, seconds);
  if (async) {
    calls.RunChains(callers);
  } else {
    std::vector<std::thread> threads;
    for (int i = 0; i < callers; ++i) threads.emplace_back([&calls, i] { calls.Blocking(i); });
    for (std::thread& thread : threads) thread.join();
  }
  const std::chrono::duration<double> took = Clock::now() - begin;
  calls.Report(took.count(), CpuSeconds() - cpu);
}

// Each on a key of its own; the memory once all of them were told of a change.
void MeasureWatches(const client::Client& client, int count, bool together) {
  const auto key = [](int i) { return absl::StrCat("probe/watch/", i); };
  KEELSON_CHECK(client.kv().Put("probe/0", "warm").ok(), "the server answers");
  const int64_t before = MemoryBytes();
  std::vector<std::unique_ptr<client::Watcher>> watchers;
  std::vector<client::WatchTarget> targets;
  for (int i = 0; i < count; ++i) {
    targets.push_back({.range = KeyRange::Key(key(i))});
    if (together && i + 1 < count) continue;
    watchers.push_back(client.Watch(std::exchange(targets, {})));
  }
  for (const auto& watcher : watchers) {
    KEELSON_CHECK(watcher->WaitReady(absl::Minutes(1)).ok(), "the watch is accepted");
  }
  for (int i = 0; i < count; ++i) KEELSON_CHECK(client.kv().Put(key(i), "x").ok(), "it answers");
  for (int i = 0; i < count; ++i) {
    const auto batch = watchers[together ? 0 : i]->Next(absl::Minutes(1));
    KEELSON_CHECK(batch.ok() && batch->events.size() == 1, "each change comes alone");
  }
  const int64_t grown = MemoryBytes() - before;
  std::printf("{\"watches\": %d, \"kb\": %lld}\n", count, static_cast<long long>(grown / 1024));
}

void FillRange(const client::Kv& kv, int count) {
  constexpr int kBatch = 100;
  const auto have = kv.Get(KeyRange::Prefix("probe/range/"), {.count_only = true});
  KEELSON_CHECK(have.ok(), "the server answers");
  for (int i = static_cast<int>(have->count); i < count; i += kBatch) {
    client::Txn batch;
    for (int j = i; j < std::min(i + kBatch, count); ++j) {
      batch.Then(client::Op::Put(absl::StrFormat("probe/range/%09d", j), std::string(256, 'v')));
    }
    KEELSON_CHECK(kv.Commit(batch).ok(), "the server answers");
  }
}

// All pairs of the range once; the memory is the highest of the process.
void MeasureRange(const client::Client& client, int count, bool stream) {
  FillRange(client.kv(), count);
  if (!stream) client.kv().core()->SetNoRangeStreams();
  const double cpu = CpuSeconds();
  const auto begin = Clock::now();
  client::RangeReader reader(client.kv(), KeyRange::Prefix("probe/range/"));
  int64_t pairs = 0;
  int64_t pages = 0;
  while (!reader.done()) {
    const auto page = reader.Next();
    KEELSON_CHECK(page.ok(), "the server answers");
    pairs += static_cast<int64_t>(page->size());
    ++pages;
  }
  const std::chrono::duration<double> took = Clock::now() - begin;
  KEELSON_CHECK(pairs >= count, "each pair comes");
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("{\"seconds\": %.3f, \"cpu_s\": %.3f, \"pages\": %lld, \"peak_mb\": %ld}\n",
              took.count(), CpuSeconds() - cpu, static_cast<long long>(pages),
              usage.ru_maxrss / 1024);
}

int Run(const std::vector<std::string>& args) {
  if (args.size() < 4) return 2;
  const auto client = client::Client::Create({.endpoints = {args[0]}, .timeout = absl::Minutes(1)});
  KEELSON_CHECK(client.ok(), "the endpoint is valid");
  int count = 0;
  double seconds = 0;
  if (args[1] == "range") {
    if (!absl::SimpleAtoi(args[2], &count) || count <= 0) return 2;
    MeasureRange(**client, count, args[3] == "stream");
    return 0;
  }
  if (args[1] == "watches") {
    if (!absl::SimpleAtoi(args[2], &count) || count <= 0) return 2;
    MeasureWatches(**client, count, args[3] == "together");
    return 0;
  }
  if (args.size() != 5 || !absl::SimpleAtoi(args[3], &count)) return 2;
  if (!absl::SimpleAtod(args[4], &seconds)) return 2;
  MeasureCalls(**client, args[2] == "put", args[1] == "async", count, seconds);
  return 0;
}

}  // namespace
}  // namespace keelson::bench

int main(int argc, char** argv) { return keelson::bench::Run({argv + 1, argv + argc}); }
