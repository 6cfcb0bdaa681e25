// The multi-version store as simple as it can be said: every change ever made, in a list. What the
// real store answers is compared with what this one finds by looking through the list.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "storage/mvcc/types.h"

namespace keelson::storage {

class Model {
 public:
  struct Event {
    Revision rev;
    std::string key;
    std::optional<KeyValue> now;   // nullopt: deleted
    std::optional<KeyValue> prev;  // what was replaced
  };

  void Begin() { sub_ = 0; }
  // Ends the request; nothing to do where it is aborted by the caller keeping a copy.
  void End() {
    if (sub_ > 0) ++revision_;
    sub_ = 0;
  }

  std::optional<KeyValue> Put(const std::string& key, const std::string& value, int64_t lease);
  std::optional<KeyValue> Delete(const std::string& key);
  std::vector<KeyValue> DeleteRange(const KeyRange& range);
  void Compact(int64_t revision) { compact_ = revision; }

  int64_t revision() const { return revision_ + (sub_ > 0 ? 1 : 0); }
  int64_t compact_revision() const { return compact_; }
  // `at` <= 0: now.
  std::optional<KeyValue> Get(const std::string& key, int64_t at = 0) const;
  std::vector<KeyValue> Range(const KeyRange& range, int64_t at = 0) const;
  std::vector<std::string> LeaseKeys(int64_t lease) const;
  // Events from `from` on; prev is blank where compaction took it.
  std::vector<Event> History(int64_t from) const;
  int64_t DbSize() const;

  std::map<int64_t, std::string> leases;
  std::map<std::string, std::string> meta;

 private:
  void Append(const std::string& key, std::optional<KeyValue> now);

  int64_t revision_ = 1;
  int64_t compact_ = -1;
  int64_t sub_ = 0;
  std::map<std::string, KeyValue> live_;
  std::vector<Event> events_;
};

}  // namespace keelson::storage
