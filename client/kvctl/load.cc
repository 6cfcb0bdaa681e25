#include "client/kvctl/load.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <mutex>
#include <thread>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace keelson::kvctl {
namespace {

// What the threads of one load share.
class Load {
 public:
  Load(const client::Kv& kv, const LoadPlan& plan, Event& stop)
      : kv_(kv), plan_(plan), stop_(stop), total_(plan.Puts()), start_(absl::Now()) {}

  // Whoever is free takes the next put.
  void Work() {
    const std::string value(plan_.value_bytes, 'k');
    std::vector<absl::Duration> latencies;
    while (true) {
      const int64_t index = next_.fetch_add(1);
      if (index >= total_ || !AwaitTurn(index)) break;
      const absl::Time sent = absl::Now();
      const auto put = kv_.Put(LoadKey(plan_.prefix, index), value);
      if (put.ok()) {
        latencies.push_back(absl::Now() - sent);
      } else {
        Fail(put.status());
      }
    }
    const std::lock_guard lock(mutex_);
    result_.latencies.insert(result_.latencies.end(), latencies.begin(), latencies.end());
    if (--working_ == 0) ended_.Set();
  }

  LoadResult Run(const std::function<void(const LoadProgress&)>& tick) {
    working_ = plan_.clients;
    std::vector<std::thread> threads;
    for (int i = 0; i < plan_.clients; ++i) threads.emplace_back([this] { Work(); });
    while (!ended_.Wait(absl::Milliseconds(200))) Tell(tick);
    for (std::thread& thread : threads) thread.join();
    result_.took = absl::Now() - start_;
    Tell(tick);
    std::sort(result_.latencies.begin(), result_.latencies.end());
    return std::move(result_);
  }

 private:
  // Put i is due i / rate after the start. False where it is not to be.
  bool AwaitTurn(int64_t index) {
    if (plan_.rate == 0) return !stop_.IsSet();
    const absl::Time due =
        start_ + absl::Seconds(static_cast<double>(index) / static_cast<double>(plan_.rate));
    return !stop_.Wait(due - absl::Now()) && absl::Now() <= start_ + 2 * plan_.duration;
  }

  void Tell(const std::function<void(const LoadProgress&)>& tick) const {
    tick({.passed = absl::Now() - start_, .done = std::min(next_.load(), total_)});
  }

  void Fail(const absl::Status& status) {
    if (plan_.rate == 0) stop_.Set();
    const std::lock_guard lock(mutex_);
    if (result_.failed++ == 0) result_.first_failure = status;
  }

  const client::Kv& kv_;
  const LoadPlan& plan_;
  Event& stop_;
  const int64_t total_;
  const absl::Time start_;
  std::atomic<int64_t> next_{0};
  Event ended_;
  std::mutex mutex_;  // guards what follows
  int working_ = 0;
  LoadResult result_;
};

}  // namespace

double LoadResult::Rate() const {
  return took <= absl::ZeroDuration()
             ? 0
             : static_cast<double>(latencies.size()) / absl::ToDoubleSeconds(took);
}

absl::Duration LoadResult::Quantile(double share) const {
  if (latencies.empty()) return absl::ZeroDuration();
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(latencies.size())));
  return latencies[std::clamp<size_t>(rank, 1, latencies.size()) - 1];
}

absl::Duration LoadResult::StandardDeviation() const {
  if (latencies.empty()) return absl::ZeroDuration();
  double sum = 0;
  double squares = 0;
  for (const absl::Duration latency : latencies) {
    const double seconds = absl::ToDoubleSeconds(latency);
    sum += seconds;
    squares += seconds * seconds;
  }
  const auto count = static_cast<double>(latencies.size());
  const double mean = sum / count;
  return absl::Seconds(std::sqrt(std::max(0.0, squares / count - mean * mean)));
}

std::string LoadKey(const std::string& prefix, int64_t index) {
  return absl::StrFormat("%s%012d", prefix, index);
}

LoadResult RunLoad(const client::Kv& kv, const LoadPlan& plan, Event& stop,
                   const std::function<void(const LoadProgress&)>& tick) {
  return Load(kv, plan, stop).Run(tick);
}

}  // namespace keelson::kvctl
