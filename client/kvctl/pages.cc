#include "client/kvctl/pages.h"

#include <utility>

namespace keelson::kvctl {

absl::StatusOr<std::vector<client::KeyValue>> Pages::Next() {
  if (!reader_) {
    if (auto status = Count(); !status.ok()) return status;
  }
  return reader_->Next();
}

// Fixes the revision, too.
absl::Status Pages::Count() {
  const auto counted = kv_.Get(range_, {.revision = options_.revision, .count_only = true});
  if (!counted.ok()) return counted.status();
  count_ = counted->count;
  if (options_.revision == 0) options_.revision = counted->header.revision;
  reader_.emplace(
      kv_, range_,
      client::RangeReaderOptions{.revision = options_.revision, .keys_only = options_.keys_only});
  return absl::OkStatus();
}

absl::Status PairReader::Advance() {
  if (at_ < page_.size()) ++at_;
  if (at_ < page_.size()) return absl::OkStatus();
  auto page = reader_.Next();
  if (!page.ok()) return page.status();
  page_ = *std::move(page);
  at_ = 0;
  return absl::OkStatus();
}

}  // namespace keelson::kvctl
