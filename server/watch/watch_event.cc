#include "server/watch/watch_event.h"

#include "absl/container/flat_hash_map.h"
#include "base/check.h"
#include "server/watch/watch_response.h"
#include "server/watch/wire.h"

namespace keelson::server {
namespace {

// What an event costs besides keys and values: itself, its share of the ring, allocator overhead.
constexpr size_t kOverhead = 160;

size_t PairSize(const storage::KeyValue& pair) {
  return (pair.key.empty() ? 0 : wire::BytesSize(pair.key.size())) +
         wire::NumberSize(static_cast<uint64_t>(pair.create_revision)) +
         wire::NumberSize(static_cast<uint64_t>(pair.mod_revision)) +
         wire::NumberSize(static_cast<uint64_t>(pair.version)) +
         (pair.value.empty() ? 0 : wire::BytesSize(pair.value.size())) +
         wire::NumberSize(static_cast<uint64_t>(pair.lease));
}

// A pair as a message field of the event.
void AppendPair(uint32_t field, const storage::KeyValue& pair, std::string* out) {
  wire::AppendLength(field, PairSize(pair), out);
  if (!pair.key.empty()) wire::AppendBytes(1, pair.key, out);
  wire::AppendNumber(2, static_cast<uint64_t>(pair.create_revision), out);
  wire::AppendNumber(3, static_cast<uint64_t>(pair.mod_revision), out);
  wire::AppendNumber(4, static_cast<uint64_t>(pair.version), out);
  if (!pair.value.empty()) wire::AppendBytes(5, pair.value, out);
  wire::AppendNumber(6, static_cast<uint64_t>(pair.lease), out);
}

// Sizes first: large values are copied once.
std::string EncodeEvent(const storage::Change& change, bool with_previous) {
  const uint64_t type = change.deleted ? 1 : 0;
  storage::KeyValue gone;
  if (change.deleted) {
    // Of a deleted key only its name and the revision of the delete are told.
    gone.key = change.now->key;
    gone.mod_revision = change.rev.main;
  }
  const storage::KeyValue& now = change.deleted ? gone : *change.now;
  const size_t size = wire::NumberSize(type) + wire::BytesSize(PairSize(now)) +
                      (with_previous ? wire::BytesSize(PairSize(*change.prev)) : 0);
  std::string element;
  element.reserve(wire::BytesSize(size));
  wire::AppendLength(kEventsField, size, &element);
  wire::AppendNumber(1, type, &element);
  AppendPair(2, now, &element);
  if (with_previous) AppendPair(3, *change.prev, &element);
  KEELSON_CHECK(element.size() == wire::BytesSize(size), "an event has the size that it tells");
  return element;
}

// Finds the first change of a key in the revision of a later one.
class FirstChanges {
 public:
  explicit FirstChanges(const std::vector<storage::Change>& changes) : changes_(changes) {}

  // REQUIRES: later calls are about the same or a later revision.
  const storage::Change& Of(size_t position) {
    const int64_t revision = changes_[position].rev.main;
    if (revision != revision_) {
      first_.clear();
      next_ = position;
      while (next_ > 0 && changes_[next_ - 1].rev.main == revision) --next_;
      revision_ = revision;
    }
    for (; next_ <= position; ++next_) first_.try_emplace(changes_[next_].now->key, next_);
    return changes_[first_.at(changes_[position].now->key)];
  }

 private:
  const std::vector<storage::Change>& changes_;
  int64_t revision_ = 0;
  size_t next_ = 0;  // changes before it are in first_
  absl::flat_hash_map<std::string_view, size_t> first_;
};

}  // namespace

std::vector<WatchEventPtr> MakeWatchEvents(std::vector<storage::Change> changes) {
  FirstChanges first(changes);
  std::vector<WatchEventPtr> events;
  events.reserve(changes.size());
  for (size_t i = 0; i < changes.size(); ++i) {
    KEELSON_CHECK(i == 0 || changes[i].rev > changes[i - 1].rev, "changes come in order");
    storage::Change change = changes[i];
    const bool own = change.prev != nullptr && change.prev->mod_revision == change.rev.main;
    if (own) change.prev = first.Of(i).prev;
    events.push_back(std::make_shared<WatchEvent>(std::move(change)));
  }
  return events;
}

const std::shared_ptr<const std::string>& WatchEvent::Encoded(bool with_previous) {
  const bool previous = with_previous && change_.prev != nullptr;
  auto& encoded = previous ? with_previous_ : plain_;
  if (encoded == nullptr) {
    encoded = std::make_shared<const std::string>(EncodeEvent(change_, previous));
    if (account_ != nullptr) *account_ += encoded->size();
  }
  return encoded;
}

size_t WatchEvent::bytes() const {
  size_t total = kOverhead + change_.now->key.size() + change_.now->value.size();
  if (change_.prev != nullptr) total += change_.prev->key.size() + change_.prev->value.size();
  if (plain_ != nullptr) total += plain_->size();
  if (with_previous_ != nullptr) total += with_previous_->size();
  return total;
}

}  // namespace keelson::server
