#include "bench/kvbench/tools.h"

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "bench/kvbench/clock.h"
#include "bench/kvbench/cluster.h"
#include "bench/kvbench/decode.h"
#include "bench/kvbench/json_writer.h"
#include "bench/kvbench/report.h"
#include "bench/kvbench/scan.h"
#include "bench/kvbench/text.h"
#include "bench/kvbench/unary.h"
#include "bench/kvbench/wire.h"

namespace keelson::kvbench {
namespace {

int64_t TimeoutNanos(const Options& options) {
  return static_cast<int64_t>(options.timeout_seconds * 1e9);
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "kvbench: %s\n", std::string(status.message()).c_str());
  return 1;
}

// Tries once; the pause keeps a refused connect from spinning.
bool ProbeOnce(UnaryClient& client, const std::string& message, int64_t deadline,
               std::string& last_error) {
  auto answer = client.Call(Method::kRange, message, deadline);
  if (!answer.ok()) {
    last_error = std::string(answer.status().message());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return false;
  }
  const std::optional<RangeResult> range = DecodeRange(*answer);
  if (range && range->kvs == 1) return true;
  last_error = "answered without the key";
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return false;
}

}  // namespace

int RunScan(const Options& options) {
  auto targets = ResolveTargets(options);
  if (!targets.ok()) return Fail(targets.status());
  UnaryClient client(targets->front());
  const int64_t start = NowNanos();
  auto totals = Scan(options, client, [](std::string_view, int64_t) {});
  if (!totals.ok()) return Fail(totals.status());
  JsonWriter json;
  json.BeginObject()
      .Int("keys", totals->keys)
      .Int("pages", totals->pages)
      .Int("bytes", totals->bytes)
      .Double("seconds", static_cast<double>(NowNanos() - start) / 1e9)
      .EndObject();
  std::puts(json.text().c_str());
  return 0;
}

int RunStatus(const Options& options) {
  const auto members = WaitUntilAgreed(options.endpoints, options.wait_seconds);
  const std::string text =
      options.json_path.empty() ? StatusAsTable(members) : StatusAsJson(members);
  std::fputs(text.c_str(), stdout);
  return Agreed(members) ? 0 : 1;
}

int RunCompact(const Options& options) {
  auto targets = ResolveTargets(options);
  if (!targets.ok()) return Fail(targets.status());
  int64_t revision = options.revision;
  if (revision == 0) revision = QueryStatus({targets->front()})[0].revision;
  UnaryClient client(targets->front());
  std::string message;
  EncodeCompact(revision, options.physical, message);
  const int64_t start = NowNanos();
  auto answer = client.Call(Method::kCompact, message, start + TimeoutNanos(options));
  if (!answer.ok()) return Fail(answer.status());
  JsonWriter json;
  json.BeginObject()
      .Int("revision", revision)
      .Double("seconds", static_cast<double>(NowNanos() - start) / 1e9)
      .EndObject();
  std::puts(json.text().c_str());
  return 0;
}

int RunProbe(const Options& options) {
  KeySpace keys(options.keys, options.seed, 0, 1);
  std::string message;
  RangeSpec range;
  range.key = keys.Key(0);
  range.serializable = true;
  EncodeRange(range, message);
  UnaryClient client(options.endpoints.front());
  const int64_t start = NowNanos();
  const int64_t deadline = start + TimeoutNanos(options);
  std::string last_error;
  while (NowNanos() < deadline) {
    if (!ProbeOnce(client, message, deadline, last_error)) continue;
    const int64_t now = NowNanos();
    JsonWriter json;
    json.BeginObject()
        .Double("seconds", static_cast<double>(now - start) / 1e9)
        .Int("monotonic_ns", now)
        .EndObject();
    std::puts(json.text().c_str());
    return 0;
  }
  return Fail(absl::DeadlineExceededError(Concat("never answered: ", last_error)));
}

}  // namespace keelson::kvbench
