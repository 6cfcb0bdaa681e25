// The wire's way of naming keys, turned into ours.
#pragma once

#include <string_view>

#include "storage/mvcc/types.h"

namespace keelson::server {

// Empty `range_end`: the single key. One zero byte: every key from `key` on. Else [key, range_end).
inline storage::KeyRange ToRange(std::string_view key, std::string_view range_end) {
  if (range_end.empty()) return storage::KeyRange::Single(key);
  if (range_end == std::string_view("\0", 1)) return storage::KeyRange::From(key);
  return storage::KeyRange{std::string(key), std::string(range_end)};
}

}  // namespace keelson::server
