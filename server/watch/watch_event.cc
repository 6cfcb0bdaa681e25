#include "server/watch/watch_event.h"

#include "server/watch/watch_response.h"
#include "server/watch/wire.h"

namespace keelson::server {
namespace {

// What an event costs besides keys and values: itself, its share of the ring, allocator overhead.
constexpr size_t kOverhead = 160;

std::string EncodePair(const storage::KeyValue& pair) {
  std::string out;
  out.reserve(pair.key.size() + pair.value.size() + 48);
  if (!pair.key.empty()) wire::AppendBytes(1, pair.key, &out);
  wire::AppendNumber(2, static_cast<uint64_t>(pair.create_revision), &out);
  wire::AppendNumber(3, static_cast<uint64_t>(pair.mod_revision), &out);
  wire::AppendNumber(4, static_cast<uint64_t>(pair.version), &out);
  if (!pair.value.empty()) wire::AppendBytes(5, pair.value, &out);
  wire::AppendNumber(6, static_cast<uint64_t>(pair.lease), &out);
  return out;
}

std::string EncodeEvent(const storage::Change& change, bool with_previous) {
  std::string event;
  if (change.deleted) {
    wire::AppendNumber(1, 1, &event);
    // Of a deleted key only its name and the revision of the delete are told.
    storage::KeyValue gone;
    gone.key = change.now->key;
    gone.mod_revision = change.rev.main;
    wire::AppendBytes(2, EncodePair(gone), &event);
  } else {
    wire::AppendBytes(2, EncodePair(*change.now), &event);
  }
  if (with_previous) wire::AppendBytes(3, EncodePair(*change.prev), &event);
  std::string element;
  element.reserve(event.size() + 8);
  wire::AppendBytes(kEventsField, event, &element);
  return element;
}

}  // namespace

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
