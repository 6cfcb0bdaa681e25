#include "tests/mvcc/model.h"

#include "storage/mvcc/version.h"

namespace keelson::storage {

void Model::Append(const std::string& key, std::optional<KeyValue> now) {
  Event event{{revision_ + 1, sub_++}, key, now, std::nullopt};
  if (auto it = live_.find(key); it != live_.end()) event.prev = it->second;
  if (now) {
    live_[key] = *now;
  } else {
    live_.erase(key);
  }
  events_.push_back(std::move(event));
}

std::optional<KeyValue> Model::Put(const std::string& key, const std::string& value,
                                   int64_t lease) {
  std::optional<KeyValue> prev = Get(key);
  KeyValue kv;
  kv.key = key;
  kv.value = value;
  kv.lease = lease;
  kv.mod_revision = revision_ + 1;
  kv.create_revision = prev ? prev->create_revision : kv.mod_revision;
  kv.version = prev ? prev->version + 1 : 1;
  Append(key, kv);
  return prev;
}

std::optional<KeyValue> Model::Delete(const std::string& key) {
  std::optional<KeyValue> prev = Get(key);
  if (prev) Append(key, std::nullopt);
  return prev;
}

std::vector<KeyValue> Model::DeleteRange(const KeyRange& range) {
  std::vector<KeyValue> found = Range(range);
  for (const KeyValue& kv : found) Append(kv.key, std::nullopt);
  return found;
}

std::optional<KeyValue> Model::Get(const std::string& key, int64_t at) const {
  if (at <= 0) {
    auto it = live_.find(key);
    return it == live_.end() ? std::nullopt : std::optional<KeyValue>(it->second);
  }
  std::optional<KeyValue> found;
  for (const Event& event : events_) {
    if (event.rev.main > at) break;
    if (event.key == key) found = event.now;
  }
  return found;
}

std::vector<KeyValue> Model::Range(const KeyRange& range, int64_t at) const {
  std::map<std::string, KeyValue> state;
  if (at <= 0) {
    state = live_;
  } else {
    for (const Event& event : events_) {
      if (event.rev.main > at) break;
      if (event.now) {
        state[event.key] = *event.now;
      } else {
        state.erase(event.key);
      }
    }
  }
  std::vector<KeyValue> result;
  for (const auto& [key, kv] : state) {
    if (range.Contains(key)) result.push_back(kv);
  }
  return result;
}

std::vector<std::string> Model::LeaseKeys(int64_t lease) const {
  std::vector<std::string> keys;
  for (const auto& [key, kv] : live_) {
    if (kv.lease == lease) keys.push_back(key);
  }
  return keys;
}

std::vector<Model::Event> Model::History(int64_t from) const {
  std::vector<Event> result;
  for (const Event& event : events_) {
    if (event.rev.main < from) continue;
    result.push_back(event);
    if (event.rev.main <= compact_) result.back().prev.reset();
  }
  return result;
}

int64_t Model::DbSize() const {
  uint64_t bytes = 0;
  for (const auto& [key, kv] : live_) bytes += kRecordOverheadBytes + key.size() + kv.value.size();
  for (const Event& event : events_) {
    if (event.rev.main <= compact_) continue;
    bytes += kRecordOverheadBytes + event.key.size();
    if (event.prev) bytes += event.prev->value.size();
  }
  return static_cast<int64_t>(bytes);
}

}  // namespace keelson::storage
