#include "bench/kvbench/scan.h"

#include <string>

#include "bench/kvbench/clock.h"
#include "bench/kvbench/decode.h"
#include "bench/kvbench/wire.h"

namespace keelson::kvbench {

absl::StatusOr<ScanTotals> Scan(const Options& options, UnaryClient& client,
                                absl::FunctionRef<void(std::string_view, int64_t)> on_pair) {
  ScanTotals totals;
  std::string key = options.keys.prefix;
  const std::string end = PrefixEnd(options.keys.prefix);
  const auto timeout = static_cast<int64_t>(options.timeout_seconds * 1e9);
  RangeSpec range;
  range.range_end = end;
  range.limit = options.limit;
  range.serializable = options.serializable;
  range.keys_only = options.keys_only;
  std::string message;
  while (true) {
    range.key = key;
    message.clear();
    EncodeRange(range, message);
    auto answer = client.Call(Method::kRange, message, NowNanos() + timeout);
    if (!answer.ok()) return answer.status();
    const std::optional<RangeResult> result = DecodeRange(*answer, on_pair);
    if (!result) return absl::InternalError("scan: malformed range answer");
    if (range.revision == 0) range.revision = result->revision;
    totals.keys += result->kvs;
    totals.bytes += static_cast<int64_t>(answer->size());
    ++totals.pages;
    if (!result->more || result->kvs == 0) return totals;
    key.assign(result->last_key);
    key.push_back('\0');
  }
}

}  // namespace keelson::kvbench
