#include "server/watch/batch.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "server/watch/watch_stream.h"

namespace keelson::server {
namespace {

// Bytes that count as one unit of work.
constexpr size_t kBytesPerUnit = 4096;
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
    Watcher* watcher = node->watchers[node->flushed++];
    *units -= Deliver(node, watcher);
  }
  return true;
}

void Batch::Release(RangeNode* node) {
  bodies_.fill(std::nullopt);
  node->hits.clear();
  if (node->hits.capacity() > kKeptHits) node->hits.shrink_to_fit();
  node->flushed = 0;
  node->busy = false;
  index_->DropIfUnused(node);
}

Batch::Body Batch::MakeBody(const RangeNode& node, size_t first_hit, const Watcher& watcher) const {
  Body body;
  std::vector<const std::shared_ptr<const std::string>*> elements;
  size_t size = 0;
  for (size_t i = first_hit; i < node.hits.size(); ++i) {
    WatchEvent& event = *events_[node.hits[i]];
    if (event.deleted() ? watcher.no_delete : watcher.no_put) continue;
    if (body.count++ == 0) body.first_revision = event.revision();
    body.last_revision = event.revision();
    elements.push_back(&event.Encoded(watcher.previous));
    size += (*elements.back())->size();
  }
  if (watcher.fragment && size >= options_.fragment_bytes / 2) {
    for (const auto* element : elements) body.elements.push_back(element->get());
  }
  if (elements.size() == 1) {
    body.bytes = *elements.front();
  } else if (!elements.empty()) {
    std::string all;
    all.reserve(size);
    for (const auto* element : elements) all += **element;
    body.bytes = std::make_shared<const std::string>(std::move(all));
  }
  return body;
}

int64_t Batch::Deliver(RangeNode* node, Watcher* watcher) {
  const auto first = std::partition_point(node->hits.begin(), node->hits.end(), [&](uint32_t hit) {
    return events_[hit]->revision() < watcher->next;
  });
  if (first == node->hits.end()) return 1;
  const bool shared = first == node->hits.begin() && !watcher->fragment;
  std::optional<Body> own;
  std::optional<Body>& body = shared ? bodies_[watcher->variant()] : own;
  int64_t units = 1;
  if (!body) {
    body = MakeBody(*node, first - node->hits.begin(), *watcher);
    units += static_cast<int64_t>(body->bytes ? body->bytes->size() / kBytesPerUnit : 0);
  }
  if (body->count == 0) return units;
  WatchSink& sink = *watcher->stream->sink;
  if (!sink.Writable()) {
    receiver_->FellBehind(watcher, body->first_revision);
    return units;
  }
  WatchResponseHead head{.ids = options_.ids,
                         .revision = std::max(options_.header_revision, body->last_revision),
                         .watch_id = watcher->id};
  if (body->elements.empty()) {
    sink.Send({.head = Encode(head), .tail = body->bytes});
  } else {
    SendFragments(*body, *watcher, head);
  }
  events_sent_ += body->count;
  watcher->next = options_.last_revision + 1;
  watcher->had_events = true;
  watcher->starts_later = false;
  return units;
}

void Batch::SendFragments(const Body& body, const Watcher& watcher, WatchResponseHead head) {
  // The flag is counted in, so that a response never comes out larger than planned.
  head.fragment = true;
  const size_t overhead = Encode(head).size();
  auto part = std::make_shared<std::string>();
  for (size_t i = 0; i < body.elements.size(); ++i) {
    const std::string& element = *body.elements[i];
    if (!part->empty() && overhead + part->size() + element.size() >= options_.fragment_bytes) {
      watcher.stream->sink->Send({.head = Encode(head), .tail = std::move(part)});
      part = std::make_shared<std::string>();
    }
    *part += element;
  }
  head.fragment = false;
  watcher.stream->sink->Send({.head = Encode(head), .tail = std::move(part)});
}

}  // namespace keelson::server
