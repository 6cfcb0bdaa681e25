// Value types of the multi-version store. No protobuf, no RocksDB.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace keelson::storage {

// A point in the store's history: `main` counts the write requests that changed something (a fresh
// store is at 1), `sub` the changes inside one of them, from 0.
struct Revision {
  int64_t main = 0;
  int64_t sub = 0;
  auto operator<=>(const Revision&) const = default;
};

// One version of a key. `version` counts the puts since `create_revision`, 1 for the first. `lease`
// 0 means none.
struct KeyValue {
  std::string key;
  std::string value;
  int64_t create_revision = 0;
  int64_t mod_revision = 0;
  int64_t version = 0;
  int64_t lease = 0;
  bool operator==(const KeyValue&) const = default;
};

// A version as a visitor of a range sees it: the bytes are the database's, valid during the visit.
struct KeyValueRef {
  std::string_view key;
  std::string_view value;
  int64_t create_revision = 0;
  int64_t mod_revision = 0;
  int64_t version = 0;
  int64_t lease = 0;

  KeyValueRef() = default;
  explicit KeyValueRef(const KeyValue& kv)
      : key(kv.key),
        value(kv.value),
        create_revision(kv.create_revision),
        mod_revision(kv.mod_revision),
        version(kv.version),
        lease(kv.lease) {}
};

// Shared and never changed once published: the same object serves the answer of a put, the previous
// value of the next one, and every watcher.
using KeyValuePtr = std::shared_ptr<const KeyValue>;

// The keys k with begin <= k and, where there is an end, k < end.
struct KeyRange {
  std::string begin;
  std::optional<std::string> end;  // nullopt: to infinity

  // Exactly `key`.
  static KeyRange Single(std::string_view key);
  static KeyRange From(std::string_view begin) { return {std::string(begin), std::nullopt}; }
  static KeyRange All() { return {}; }
  // All keys that start with `prefix`.
  static KeyRange Prefix(std::string_view prefix);

  bool Contains(std::string_view key) const { return key >= begin && (!end || key < *end); }
  // True where no key can lie in it.
  bool empty() const { return end && *end <= begin; }
  bool single() const;
  bool operator==(const KeyRange&) const = default;
};

// One changed key of one revision, as watchers see it. `now` is never null: for a delete it holds
// only key and mod_revision. `prev` is the pair that the change replaced, which the same revision
// may have written; null where there was none, and in history at or below the compacted revision.
struct Change {
  Revision rev;
  bool deleted = false;
  KeyValuePtr now;
  KeyValuePtr prev;
};

// What one slice of a long read may use up, whichever comes first. 0 means no limit.
struct SliceBudget {
  uint64_t max_keys = 1000;
  uint64_t max_bytes = 1 << 20;
  uint64_t max_micros = 2000;
};

}  // namespace keelson::storage
