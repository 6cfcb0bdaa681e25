#include "client/keelson/range_reader.h"

#include <algorithm>
#include <utility>

namespace keelson::client {
namespace {

// Small enough for pairs of any size.
constexpr int64_t kFirstPage = 16;
// How much larger the next page may be.
constexpr int64_t kGrowth = 8;

}  // namespace

RangeReader::RangeReader(Kv kv, KeyRange range, RangeReaderOptions options, CallOptions call)
    : kv_(std::move(kv)),
      left_(std::move(range)),
      options_(options),
      call_(call),
      limit_(std::clamp<int64_t>(options.max_page_pairs, 1, kFirstPage)) {}

GetOptions RangeReader::Ask() const {
  return {.revision = options_.revision,
          .limit = limit_,
          .serializable = options_.serializable,
          .keys_only = options_.keys_only};
}

std::vector<KeyValue> RangeReader::Take(GetResult page) {
  if (options_.revision == 0) options_.revision = page.header.revision;
  done_ = !page.more || page.kvs.empty();
  if (done_) return std::move(page.kvs);
  size_t bytes = 1;
  for (const KeyValue& kv : page.kvs) bytes += kv.key.size() + kv.value.size();
  const auto fitting = static_cast<int64_t>(page.kvs.size() *
                                            (options_.max_page_bytes / static_cast<double>(bytes)));
  limit_ = std::clamp<int64_t>(std::min(fitting, limit_ * kGrowth), 1,
                               std::max<int64_t>(options_.max_page_pairs, 1));
  left_ = KeyRange::Between(page.kvs.back().key + '\0', left_.end());
  return std::move(page.kvs);
}

absl::StatusOr<std::vector<KeyValue>> RangeReader::Next() {
  if (done_) return std::vector<KeyValue>();
  auto page = kv_.Get(left_, Ask(), call_);
  if (!page.ok()) return page.status();
  return Take(*std::move(page));
}

Future<std::vector<KeyValue>> RangeReader::NextAsync() {
  if (done_) co_return std::vector<KeyValue>();
  auto page = co_await kv_.GetAsync(left_, Ask(), call_);
  if (!page.ok()) co_return page.status();
  co_return Take(*std::move(page));
}

}  // namespace keelson::client
