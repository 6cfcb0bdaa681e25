// A range as it was at one revision, however large, page after page, with what there is in all.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "client/keelson/client.h"
#include "client/keelson/range_reader.h"

namespace keelson::kvctl {

struct PageOptions {
  int64_t revision = 0;  // 0: the present one, which the first page finds out
  bool keys_only = false;
};

// One thread.
class Pages {
 public:
  Pages(client::Kv kv, client::KeyRange range, PageOptions options)
      : kv_(std::move(kv)), range_(std::move(range)), options_(options) {}

  // The next pairs by key; empty at the end. OutOfRange where the revision was compacted away.
  absl::StatusOr<std::vector<client::KeyValue>> Next();

  // Of all pages. REQUIRES: Next has succeeded.
  int64_t revision() const { return options_.revision; }
  // How many pairs there are in all. REQUIRES: the same.
  int64_t count() const { return count_; }

 private:
  absl::Status Count();

  const client::Kv kv_;
  const client::KeyRange range_;
  PageOptions options_;
  int64_t count_ = 0;
  std::optional<client::RangeReader> reader_;  // once it was counted
};

// A range's pairs one by one, for merging.
class PairReader {
 public:
  PairReader(client::Kv kv, client::KeyRange range, PageOptions options)
      : reader_(std::move(kv), std::move(range),
                {.revision = options.revision, .keys_only = options.keys_only}) {}

  // Moves on to the next pair, then current().
  absl::Status Advance();
  // Null at the end.
  const client::KeyValue* current() const { return at_ < page_.size() ? &page_[at_] : nullptr; }

 private:
  client::RangeReader reader_;
  std::vector<client::KeyValue> page_;
  size_t at_ = 0;
};

}  // namespace keelson::kvctl
