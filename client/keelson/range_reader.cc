#include "client/keelson/range_reader.h"

#include <algorithm>
#include <utility>

#include "client/keelson/internal/ask.h"
#include "client/keelson/internal/range_feed.h"

namespace keelson::client {
namespace {

// Small enough for pairs of any size.
constexpr int64_t kFirstPage = 16;
// How much larger the next page may be.
constexpr int64_t kGrowth = 8;
// How many streams in a row may bring nothing.
constexpr int kFutileFeeds = 2;

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

std::vector<KeyValue> RangeReader::Take(std::vector<KeyValue> pairs, bool last) {
  done_ = last || pairs.empty();
  if (!done_) left_ = KeyRange::Encoded(pairs.back().key + '\0', left_.end());
  return pairs;
}

void RangeReader::Fit(const GetResult& page) {
  if (options_.revision == 0) options_.revision = page.header.revision;
  is_fixed_ = true;
  if (page.kvs.empty()) return;
  size_t bytes = 1;
  for (const KeyValue& kv : page.kvs) bytes += kv.key.size() + kv.value.size();
  const auto fitting = static_cast<int64_t>(page.kvs.size() *
                                            (options_.max_page_bytes / static_cast<double>(bytes)));
  limit_ = std::clamp<int64_t>(std::min(fitting, limit_ * kGrowth), 1,
                               std::max<int64_t>(options_.max_page_pairs, 1));
}

RangeReader::~RangeReader() { CloseFeed(); }

void RangeReader::OpenFeed() {
  const bool useful = futile_feeds_ < kFutileFeeds && kv_.core()->has_range_streams();
  if (!is_fixed_ || !useful || feed_ != nullptr) return;
  feed_ = internal::RangeFeed::Open(
      kv_.core(), kv_.view(),
      {.range = left_,
       .get = {.revision = options_.revision, .keys_only = options_.keys_only},
       .max_pairs = options_.max_page_pairs,
       .max_bytes = options_.max_page_bytes});
}

void RangeReader::CloseFeed() {
  if (feed_ != nullptr) std::exchange(feed_, nullptr)->Stop();
}

absl::Duration RangeReader::Timeout() const {
  return call_.timeout == absl::ZeroDuration() ? kv_.core()->options().timeout : call_.timeout;
}

absl::StatusOr<std::vector<KeyValue>> RangeReader::Next() {
  return internal::Await(kv_.core(), [this] { return NextAsync(); });
}

Future<std::vector<KeyValue>> RangeReader::NextAsync() {
  if (done_) co_return std::vector<KeyValue>();
  CallOptions call = call_;
  call.timeout = Timeout();
  OpenFeed();
  if (feed_ != nullptr) {
    const internal::Instant asked_at = kv_.core()->scheduler().Now();
    auto piece = co_await feed_->Next(call.timeout / 2);
    if (feed_->has_flowed()) futile_feeds_ = 0;
    if (piece.ok()) co_return Take(std::move(piece->kvs), piece->last);
    if (absl::IsCancelled(piece.status())) co_return piece.status();
    // A page is tried at every member, and tells what is wrong where none has it.
    ++futile_feeds_;
    CloseFeed();
    call.timeout -= kv_.core()->scheduler().Now() - asked_at;
  }
  auto page = co_await kv_.GetAsync(left_, Ask(), call);
  if (!page.ok()) co_return page.status();
  Fit(*page);
  co_return Take(std::move(page->kvs), !page->more);
}

}  // namespace keelson::client
