// The newest versions of keys that were written lately, so that overwriting a hot key reads
// nothing. Loop thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "storage/mvcc/version.h"

namespace keelson::storage {

// First in, first out, a few at a time: forgetting many at once would hold the loop up.
class RecentVersions {
 public:
  explicit RecentVersions(uint64_t max_bytes) : max_bytes_(max_bytes) {}

  // Null where nothing is known; the database then tells.
  VersionPtr Find(std::string_view key) const {
    auto it = newest_.find(key);
    return it == newest_.end() ? nullptr : it->second;
  }

  // `version` was committed as the newest of `key`.
  void Note(std::string_view key, VersionPtr version) {
    newest_.erase(key);
    if (version->deleted() || max_bytes_ == 0) return;
    bytes_ += Bytes(*version);
    newest_.emplace(version->kv->key, version);
    noted_.push_back(std::move(version));
    for (; bytes_ > max_bytes_; noted_.pop_front()) {
      const VersionPtr& oldest = noted_.front();
      bytes_ -= Bytes(*oldest);
      auto it = newest_.find(oldest->kv->key);
      if (it != newest_.end() && it->second == oldest) newest_.erase(it);
    }
  }

 private:
  static constexpr uint64_t kOverheadBytes = 256;
  static uint64_t Bytes(const Version& version) {
    return kOverheadBytes + version.kv->key.size() + version.kv->value.size();
  }

  const uint64_t max_bytes_;
  uint64_t bytes_ = 0;            // of noted_
  std::deque<VersionPtr> noted_;  // in the order of their commits, replaced ones included
  // Each key lies in the version that it leads to.
  absl::flat_hash_map<std::string_view, VersionPtr> newest_;
};

}  // namespace keelson::storage
