#include "server/watch/event_body.h"

#include <algorithm>
#include <utility>

namespace keelson::server {
namespace {

// What counts as one unit of work, which is about a microsecond.
constexpr size_t kBytesPerUnit = 4096;
constexpr size_t kEventsPerUnit = 4;

}  // namespace

EventBodyMaker::EventBodyMaker(const std::vector<WatchEventPtr>& events,
                               const std::vector<uint32_t>& hits, size_t first,
                               const Watcher& watcher, const Limits& limits)
    : events_(events),
      hits_(hits),
      first_(first),
      form_(watcher),
      limits_(limits),
      gathered_(first) {}

bool EventBodyMaker::IsFor(size_t first, const Watcher& watcher) const {
  if (first != first_ || watcher.variant() != form_.variant()) return false;
  if (watcher.fragment != form_.fragment) return false;
  return !watcher.fragment || watcher.id == form_.id;  // how long an id is tells where to cut
}

bool EventBodyMaker::Step(int64_t* units) {
  if (!joining_) {
    if (!Gather(units)) return false;
    BeginJoin();
  }
  return Join(units);
}

bool EventBodyMaker::Gather(int64_t* units) {
  while (gathered_ < hits_.size()) {
    if (*units <= 0) return false;
    --*units;
    const size_t end = std::min(hits_.size(), gathered_ + kEventsPerUnit);
    for (; gathered_ < end; ++gathered_) {
      WatchEvent& event = *events_[hits_[gathered_]];
      if (event.deleted() ? form_.no_delete : form_.no_put) continue;
      if (body_.count++ == 0) body_.first_revision = event.revision();
      body_.last_revision = event.revision();
      elements_.push_back(&event.Encoded(form_.previous));
      size_ += (*elements_.back())->size();
    }
  }
  return true;
}

void EventBodyMaker::BeginJoin() {
  joining_ = true;
  if (elements_.size() == 1) {
    body_.parts.push_back(*elements_.front());
    joined_ = 1;
    return;
  }
  if (form_.fragment && size_ >= limits_.fragment_bytes / 2) {
    // The flag is counted in, so that a response never comes out larger than planned.
    const WatchResponseHead head{.ids = limits_.ids,
                                 .revision = std::max(limits_.header_revision, body_.last_revision),
                                 .watch_id = form_.id,
                                 .fragment = true};
    part_limit_ = limits_.fragment_bytes - std::min(limits_.fragment_bytes, Encode(head).size());
  }
  part_.reserve(std::min(size_, part_limit_));
}

bool EventBodyMaker::Join(int64_t* units) {
  size_t work = 0;  // in bytes
  for (; joined_ < elements_.size(); ++joined_) {
    if (work >= kBytesPerUnit) {
      *units -= static_cast<int64_t>(work / kBytesPerUnit);
      work = 0;
      if (*units <= 0) return false;
    }
    const std::string& element = **elements_[joined_];
    if (!part_.empty() && part_.size() + element.size() >= part_limit_) EndPart();
    part_ += element;
    work += element.size() + kBytesPerUnit / (8 * kEventsPerUnit);
  }
  if (!part_.empty()) EndPart();
  return true;
}

void EventBodyMaker::EndPart() {
  body_.parts.push_back(std::make_shared<const std::string>(std::exchange(part_, {})));
}

}  // namespace keelson::server
