#include "client/kvctl/pages.h"

#include <algorithm>

namespace keelson::kvctl {
namespace {

constexpr int64_t kMostPairs = 16384;
constexpr size_t kSmallPage = 1 << 20;
constexpr size_t kLargePage = 4 << 20;

size_t BytesOf(const std::vector<client::KeyValue>& pairs) {
  size_t bytes = 0;
  for (const client::KeyValue& pair : pairs) bytes += pair.key.size() + pair.value.size() + 32;
  return bytes;
}

}  // namespace

absl::StatusOr<std::vector<client::KeyValue>> Pages::Next() {
  if (ended_) return std::vector<client::KeyValue>{};
  auto got = kv_.Get(
      range_, {.revision = options_.revision, .limit = limit_, .keys_only = options_.keys_only});
  if (!got.ok()) return got.status();
  if (count_ < 0) {
    count_ = got->count;
    header_ = got->header;
    if (options_.revision == 0) options_.revision = got->header.revision;
  }
  ended_ = !got->more || got->kvs.empty();
  if (!ended_) {
    Resize(BytesOf(got->kvs));
    const std::string next = got->kvs.back().key + '\0';
    range_ = range_.end() == std::string(1, '\0') ? client::KeyRange::From(next)
                                                  : client::KeyRange::Between(next, range_.end());
  }
  return std::move(got->kvs);
}

void Pages::Resize(size_t bytes) {
  if (bytes < kSmallPage) limit_ = std::min(limit_ * 4, kMostPairs);
  if (bytes > kLargePage) limit_ = std::max<int64_t>(limit_ / 4, 1);
}

absl::Status PairReader::Advance() {
  if (at_ < page_.size()) ++at_;
  if (at_ < page_.size()) return absl::OkStatus();
  auto page = pages_.Next();
  if (!page.ok()) return page.status();
  page_ = *std::move(page);
  at_ = 0;
  return absl::OkStatus();
}

}  // namespace keelson::kvctl
