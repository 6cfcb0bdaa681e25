// What one run has counted.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/kvbench/clock.h"
#include "bench/kvbench/grpc_status.h"
#include "bench/kvbench/histogram.h"

namespace keelson::kvbench {

enum class OpKind : uint8_t { kPut, kGet, kSerializableGet, kRange, kTxn, kLeaseGrant, kKeepAlive };
inline constexpr size_t kOpKindCount = 7;
std::string_view NameOf(OpKind kind);

struct OpStats {
  Histogram latency;       // of successes whose intended start is inside the measured window
  uint64_t ok = 0;         // answered inside the measured window
  uint64_t ok_total = 0;   // answered at all: warm-up and drain included
  uint64_t missed = 0;     // get or range that found nothing; txn whose compare failed
  uint64_t unwatched = 0;  // put that no watcher is told of, see Options::watched
  uint64_t keys = 0;       // pairs read, bytes read
  uint64_t bytes = 0;
  std::array<uint64_t, kStatusCodeCount> errors{};
  std::array<std::string, kStatusCodeCount> first_error{};

  void AddError(const GrpcStatus& status);
  uint64_t error_count() const;
  void Merge(const OpStats& other);
};

// Start and end of what is measured, on NowNanos(). Before `from` is warm-up, after `to` drain.
struct Window {
  int64_t start = 0;
  int64_t from = 0;
  int64_t to = kNever;

  bool Contains(int64_t time) const { return time >= from && time < to; }
};

struct RunStats {
  Window window;
  std::array<OpStats, kOpKindCount> ops;
  bool keep_times = false;
  std::vector<int64_t> ok_times;  // when each success was seen, if keep_times
  int64_t last_ok = 0;
  uint64_t reconnects = 0;
  int64_t cpu_nanos = 0;  // of this process, during the run

  OpStats& of(OpKind kind) { return ops[static_cast<size_t>(kind)]; }
  const OpStats& of(OpKind kind) const { return ops[static_cast<size_t>(kind)]; }

  void RecordOk(OpKind kind, int64_t intended, int64_t now);
  void Merge(const RunStats& other);
  uint64_t ok_total() const;
  uint64_t error_total() const;
  double measured_seconds() const;
};

// The longest time without a success inside the measured window, its ends counting as successes.
struct Gap {
  int64_t length = 0;
  int64_t after = 0;  // when it began, since the start of the run
};
Gap LongestGap(std::vector<int64_t> times, const Window& window);

// Successes in each `width` nanoseconds since the start of the run.
std::vector<uint64_t> CountPerSlot(const std::vector<int64_t>& times, const Window& window,
                                   int64_t width);

// User and system time of this process, and of the calling thread.
int64_t ProcessCpuNanos();
int64_t ThreadCpuNanos();

}  // namespace keelson::kvbench
