// The newest versions of keys that were written lately, so that overwriting a hot key reads
// nothing. Loop thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/node_hash_map.h"
#include "base/view.h"
#include "storage/mvcc/version.h"

namespace keelson::storage {

// Forgets in the order of arrival, but spares once who was used since (CLOCK, Corbato 1968).
class RecentVersions {
 public:
  explicit RecentVersions(uint64_t max_bytes) : max_bytes_(max_bytes) {}

  // Null where nothing is known; the database then tells.
  VersionPtr Find(std::string_view key) {
    const auto it = slots_.find(ToAbsl(key));
    if (it == slots_.end()) return nullptr;
    it->second.used = true;
    return it->second.version;
  }

  // `version` was committed as the newest of `key`.
  void Note(std::string_view key, VersionPtr version) {
    if (max_bytes_ == 0) return;
    auto it = slots_.find(ToAbsl(key));
    if (it == slots_.end()) {
      if (version->deleted()) return;
      it = slots_.try_emplace(std::string(key)).first;
      clock_.push_back(&*it);
    }
    Slot& slot = it->second;
    bytes_ -= slot.bytes;
    slot.bytes = kOverheadBytes + key.size();
    if (!version->deleted()) slot.bytes += version->kv->value.size();
    bytes_ += slot.bytes;
    // A deleted key keeps its place in the clock only.
    slot.version = version->deleted() ? nullptr : std::move(version);
    Forget();
  }

  uint64_t bytes() const { return bytes_; }

 private:
  struct Slot {
    VersionPtr version;
    uint64_t bytes = 0;
    bool used = false;
  };
  using Slots = absl::node_hash_map<std::string, Slot>;

  static constexpr uint64_t kOverheadBytes = 320;

  void Forget() {
    while (bytes_ > max_bytes_) {
      Slots::value_type* const oldest = clock_.front();
      clock_.pop_front();
      Slot& slot = oldest->second;
      if (slot.version != nullptr && std::exchange(slot.used, false)) {
        clock_.push_back(oldest);
        continue;
      }
      bytes_ -= slot.bytes;
      slots_.erase(slots_.find(oldest->first));
    }
  }

  const uint64_t max_bytes_;
  uint64_t bytes_ = 0;                    // of all slots
  std::deque<Slots::value_type*> clock_;  // each slot once
  Slots slots_;
};

}  // namespace keelson::storage
