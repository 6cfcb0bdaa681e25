// Uncommitted puts and deletes of one column family's plain records, with roll-back. Loop thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"

namespace keelson::storage {

class RawOverlay {
 public:
  using Value = std::optional<std::string>;  // nullopt: deleted
  using Map = absl::btree_map<std::string, Value, std::less<>>;

  void Set(std::string_view key, Value value) {
    auto [it, added] = map_.try_emplace(std::string(key));
    log_.push_back({it->first, added ? std::nullopt : std::optional<Value>(it->second)});
    it->second = std::move(value);
  }

  // Null where nothing is said about the key.
  const Value* Find(std::string_view key) const {
    auto it = map_.find(key);
    return it == map_.end() ? nullptr : &it->second;
  }

  const Map& map() const { return map_; }

  // What was set so far stays.
  void Keep() { log_.clear(); }
  // Takes back everything since the last Keep.
  void RollBack() {
    for (; !log_.empty(); log_.pop_back()) {
      Before& before = log_.back();
      if (before.value) {
        map_[before.key] = *std::move(before.value);
      } else {
        map_.erase(before.key);
      }
    }
  }

 private:
  struct Before {
    std::string key;
    std::optional<Value> value;  // nullopt: nothing was said
  };
  Map map_;
  std::vector<Before> log_;
};

}  // namespace keelson::storage
