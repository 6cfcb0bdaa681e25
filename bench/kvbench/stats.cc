#include "bench/kvbench/stats.h"

#include <sys/resource.h>

#include <algorithm>

namespace keelson::kvbench {
namespace {

int64_t NanosOf(const timeval& time) {
  return time.tv_sec * kNanosPerSecond + time.tv_usec * kNanosPerMicro;
}

}  // namespace

std::string_view NameOf(OpKind kind) {
  static constexpr std::array<std::string_view, kOpKindCount> kNames = {
      "put", "get", "get_serializable", "range", "txn", "lease_grant", "keepalive"};
  return kNames[static_cast<size_t>(kind)];
}

void OpStats::AddError(const GrpcStatus& status) {
  const auto code = static_cast<size_t>(
      status.code >= 0 && status.code < kStatusCodeCount ? status.code : int{kUnknown});
  if (errors[code]++ == 0) first_error[code] = status.message;
}

uint64_t OpStats::error_count() const {
  uint64_t sum = 0;
  for (const uint64_t count : errors) sum += count;
  return sum;
}

void OpStats::Merge(const OpStats& other) {
  latency.Merge(other.latency);
  ok += other.ok;
  ok_total += other.ok_total;
  missed += other.missed;
  unwatched += other.unwatched;
  keys += other.keys;
  bytes += other.bytes;
  for (size_t i = 0; i < errors.size(); ++i) {
    if (errors[i] == 0) first_error[i] = other.first_error[i];
    errors[i] += other.errors[i];
  }
}

void RunStats::RecordOk(OpKind kind, int64_t intended, int64_t now) {
  OpStats& stats = of(kind);
  ++stats.ok_total;
  if (window.Contains(now)) ++stats.ok;
  if (window.Contains(intended)) stats.latency.Record(now - intended);
  if (keep_times) ok_times.push_back(now);
  last_ok = std::max(last_ok, now);
}

void RunStats::Merge(const RunStats& other) {
  for (size_t i = 0; i < ops.size(); ++i) ops[i].Merge(other.ops[i]);
  ok_times.insert(ok_times.end(), other.ok_times.begin(), other.ok_times.end());
  last_ok = std::max(last_ok, other.last_ok);
  reconnects += other.reconnects;
}

uint64_t RunStats::ok_total() const {
  uint64_t sum = 0;
  for (const OpStats& stats : ops) sum += stats.ok_total;
  return sum;
}

uint64_t RunStats::error_total() const {
  uint64_t sum = 0;
  for (const OpStats& stats : ops) sum += stats.error_count();
  return sum;
}

double RunStats::measured_seconds() const {
  // A run by count ends with its last answer.
  const int64_t end = window.to == kNever ? last_ok : window.to;
  return std::max(1e-9, static_cast<double>(end - window.from) / 1e9);
}

Gap LongestGap(std::vector<int64_t> times, const Window& window) {
  std::sort(times.begin(), times.end());
  if (window.to == kNever && times.empty()) return {};
  const int64_t end = window.to == kNever ? times.back() : window.to;
  Gap longest;
  int64_t before = window.from;
  const auto consider = [&](int64_t time) {
    if (time - before > longest.length) longest = {time - before, before - window.start};
    before = time;
  };
  for (const int64_t time : times) {
    if (time > window.from && time < end) consider(time);
  }
  consider(end);
  return longest;
}

std::vector<uint64_t> CountPerSlot(const std::vector<int64_t>& times, const Window& window,
                                   int64_t width) {
  std::vector<uint64_t> slots;
  for (const int64_t time : times) {
    if (time < window.start) continue;
    const auto slot = static_cast<size_t>((time - window.start) / width);
    if (slot >= slots.size()) slots.resize(slot + 1, 0);
    ++slots[slot];
  }
  return slots;
}

int64_t ProcessCpuNanos() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return NanosOf(usage.ru_utime) + NanosOf(usage.ru_stime);
}

int64_t ThreadCpuNanos() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return NanosOf(usage.ru_utime) + NanosOf(usage.ru_stime);
}

}  // namespace keelson::kvbench
