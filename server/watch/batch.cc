#include "server/watch/batch.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "server/watch/watch_stream.h"

namespace keelson::server {
namespace {

// Hit lists that grew larger are given back after the batch.
constexpr size_t kKeptHits = 16;

}  // namespace

Batch::Batch(std::vector<WatchEventPtr> events, Options options, RangeIndex* index,
             Receiver* receiver)
    : events_(std::move(events)), options_(options), index_(index), receiver_(receiver) {
  KEELSON_CHECK(!events_.empty(), "a batch has events");
  first_revision_ = events_.front()->revision();
  KEELSON_CHECK(events_.back()->revision() <= options_.last_revision, "a batch is whole");
}

Batch::~Batch() {
  while (flushed_ < touched_.size()) Release(touched_[flushed_++]);
}

bool Batch::Step(int64_t* units) {
  if (!Match(units)) return false;
  while (flushed_ < touched_.size()) {
    if (!Flush(touched_[flushed_], units)) return false;
    Release(touched_[flushed_++]);
  }
  return true;
}

bool Batch::Match(int64_t* units) {
  while (matched_ < events_.size()) {
    if (*units <= 0) return false;
    --*units;
    const auto position = static_cast<uint32_t>(matched_++);
    index_->Match(events_[position]->key(), [&](RangeNode* node) {
      if (!node->busy) {
        node->busy = true;
        touched_.push_back(node);
      }
      node->hits.push_back(position);
    });
  }
  return true;
}

bool Batch::Flush(RangeNode* node, int64_t* units) {
  while (node->flushed < node->watchers.size()) {
    if (*units <= 0) return false;
    Watcher* watcher = node->watchers[node->flushed];
    const auto first = std::partition_point(
        node->hits.begin(), node->hits.end(),
        [&](uint32_t hit) { return events_[hit]->revision() < watcher->next; });
    const auto first_hit = static_cast<size_t>(first - node->hits.begin());
    if (first == node->hits.end()) {
      ++node->flushed;
    } else if (!watcher->stream->sink->Writable()) {
      ++node->flushed;
      MissedFrom(*node, first_hit, watcher);
    } else {
      const EventBody* body = BodyFor(node, first_hit, *watcher, units);
      if (body == nullptr) return false;
      ++node->flushed;
      Deliver(*body, watcher);
    }
    --*units;
  }
  return true;
}

void Batch::Release(RangeNode* node) {
  bodies_.fill(std::nullopt);
  maker_ = nullptr;
  node->hits.clear();
  if (node->hits.capacity() > kKeptHits) node->hits.shrink_to_fit();
  node->flushed = 0;
  node->busy = false;
  index_->DropIfUnused(node);
}

const EventBody* Batch::BodyFor(RangeNode* node, size_t first_hit, const Watcher& watcher,
                                int64_t* units) {
  const bool shared = first_hit == 0 && !watcher.fragment;
  std::optional<EventBody>& known = bodies_[watcher.variant()];
  if (shared && known) return &*known;
  if (maker_ == nullptr || !maker_->IsFor(first_hit, watcher)) {
    const EventBodyMaker::Limits limits{.fragment_bytes = options_.fragment_bytes,
                                        .header_revision = options_.header_revision,
                                        .ids = options_.ids};
    maker_ = std::make_unique<EventBodyMaker>(events_, node->hits, first_hit, watcher, limits);
  }
  if (!maker_->Step(units)) return nullptr;
  EventBody& body = shared ? known.emplace() : own_;
  body = maker_->Take();
  maker_ = nullptr;
  return &body;
}

// The watcher's stream takes no more: it falls behind where the first event for it is.
void Batch::MissedFrom(const RangeNode& node, size_t first_hit, Watcher* watcher) {
  for (size_t i = first_hit; i < node.hits.size(); ++i) {
    const WatchEvent& event = *events_[node.hits[i]];
    if (event.deleted() ? watcher->no_delete : watcher->no_put) continue;
    return receiver_->FellBehind(watcher, event.revision());
  }
}

void Batch::Deliver(const EventBody& body, Watcher* watcher) {
  if (body.count == 0) return;
  WatchResponseHead head{.ids = options_.ids,
                         .revision = std::max(options_.header_revision, body.last_revision),
                         .watch_id = watcher->id};
  for (size_t i = 0; i < body.parts.size(); ++i) {
    head.fragment = i + 1 < body.parts.size();
    watcher->stream->sink->Send({.head = Encode(head), .tail = body.parts[i]});
  }
  events_sent_ += body.count;
  watcher->next = options_.last_revision + 1;
  watcher->had_events = true;
  watcher->starts_later = false;
}

std::vector<WatchEventPtr> Batch::TakeEvents() {
  KEELSON_CHECK(flushed_ == touched_.size(), "a batch that is done has no use for its events");
  return std::exchange(events_, {});
}

}  // namespace keelson::server
