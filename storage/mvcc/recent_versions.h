// The newest versions of keys that were written lately, so that overwriting a hot key reads
// nothing. Loop thread only.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "storage/mvcc/version.h"

namespace keelson::storage {

// Two generations: what was not touched while one filled up is forgotten with the next.
class RecentVersions {
 public:
  explicit RecentVersions(uint64_t max_bytes) : max_bytes_(max_bytes / 2) {}

  // Null where nothing is known; the database then tells.
  VersionPtr Find(std::string_view key) const {
    if (auto it = young_.find(key); it != young_.end()) return it->second;
    if (auto it = old_.find(key); it != old_.end()) return it->second;
    return nullptr;
  }

  // `version` was committed as the newest of `key`.
  void Note(std::string_view key, VersionPtr version) {
    young_.erase(key);
    old_.erase(key);
    if (version->deleted() || max_bytes_ == 0) return;
    bytes_ += kOverheadBytes + version->kv->key.size() + version->kv->value.size();
    const std::string_view own_key = version->kv->key;
    young_.emplace(own_key, std::move(version));
    if (bytes_ <= max_bytes_) return;
    old_ = std::move(young_);
    young_.clear();
    bytes_ = 0;
  }

 private:
  static constexpr uint64_t kOverheadBytes = 256;
  // Each key lies in the version that it leads to.
  using Map = absl::flat_hash_map<std::string_view, VersionPtr>;

  const uint64_t max_bytes_;
  uint64_t bytes_ = 0;  // noted in young_, replaced ones included
  Map young_;
  Map old_;
};

}  // namespace keelson::storage
