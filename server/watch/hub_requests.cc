// What the clients of the hub's streams ask for, and the comings and goings of streams.

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "server/watch/hub_impl.h"

namespace keelson::server {
namespace {

constexpr std::string_view kCompactedReason =
    "etcdserver: mvcc: required revision has been compacted";
constexpr std::string_view kDuplicateIdReason =
    "mvcc: duplicate watch ID provided on the WatchStream";
constexpr std::string_view kEmptyRangeReason = "mvcc: watcher range is empty";

// The range that a request means: no key is the first of all, no end is a single key, a zero byte
// as the end is no end.
storage::KeyRange RangeOf(const WatchRequestCreate& request) {
  storage::KeyRange range{.begin = request.key.empty() ? std::string(1, '\0') : request.key,
                          .end = request.range_end};
  if (request.range_end.empty()) range.end = range.begin + '\0';
  if (request.range_end == std::string_view("\0", 1)) range.end = std::nullopt;
  return range;
}

}  // namespace

WatchHub::StreamId WatchHub::Impl::Open(std::shared_ptr<WatchSink> sink, bool require_leader) {
  auto stream = std::make_unique<WatchStream>();
  stream->id = ++last_stream_;
  stream->sink = std::move(sink);
  stream->require_leader = require_leader;
  streams_.emplace(stream->id, std::move(stream));
  return last_stream_;
}

WatchStream* WatchHub::Impl::Find(StreamId stream) {
  const auto found = streams_.find(stream);
  return found == streams_.end() ? nullptr : found->second.get();
}

void WatchHub::Impl::Close(StreamId stream) {
  WatchStream* closed = Find(stream);
  if (closed == nullptr) return;
  while (!closed->watchers.empty()) Drop(closed->watchers.begin()->second.get());
  streams_.erase(stream);
}

void WatchHub::Impl::EndIf(const absl::Status& status, bool only_those_that_require_a_leader) {
  std::vector<StreamId> ended;
  for (const auto& [id, stream] : streams_) {
    if (stream->require_leader || !only_those_that_require_a_leader) ended.push_back(id);
  }
  for (const StreamId id : ended) {
    const std::shared_ptr<WatchSink> sink = Find(id)->sink;
    Close(id);
    sink->End(status);
  }
}

void WatchHub::Impl::SendControl(WatchStream* stream, WatchResponseHead head) {
  head.ids = environment_.header();
  stream->sink->Send({.head = Encode(head), .tail = nullptr});
}

void WatchHub::Impl::Refuse(StreamId stream, const std::string& reason) {
  WatchStream* found = Find(stream);
  if (found == nullptr) return;
  SendControl(found, {.revision = feed_.published(),
                      .watch_id = kNoWatchId,
                      .created = true,
                      .canceled = true,
                      .cancel_reason = reason});
}

void WatchHub::Impl::Create(StreamId stream, WatchRequestCreate request) {
  WatchStream* found = Find(stream);
  if (found == nullptr) return;
  if (request.start_revision < 0) return Refuse(stream, std::string(kCompactedReason));
  storage::KeyRange range = RangeOf(request);
  if (range.end && *range.end <= range.begin) return Refuse(stream, std::string(kEmptyRangeReason));
  int64_t id = request.watch_id;
  if (id == 0) {
    while (found->Takes(found->next_watch_id)) ++found->next_watch_id;
    id = found->next_watch_id++;
  } else if (found->Takes(id)) {
    return Refuse(stream, std::string(kDuplicateIdReason));
  }
  SendControl(found, {.revision = feed_.published(), .watch_id = id, .created = true});
  if (request.start_revision != 0 && request.start_revision < feed_.compacted()) {
    return SendCompacted(found, id);
  }
  AddWatcher(found, request, std::move(range), id);
}

void WatchHub::Impl::AddWatcher(WatchStream* stream, const WatchRequestCreate& request,
                                storage::KeyRange range, int64_t id) {
  auto added = std::make_unique<Watcher>();
  Watcher* watcher = added.get();
  watcher->stream = stream;
  watcher->id = id;
  watcher->no_put = request.no_put;
  watcher->no_delete = request.no_delete;
  watcher->previous = request.prev_kv;
  watcher->fragment = request.fragment;
  watcher->notify = request.progress_notify;
  watcher->starts_later = request.start_revision > feed_.published();
  watcher->next = request.start_revision != 0 ? request.start_revision : feed_.published() + 1;
  stream->watchers.emplace(id, std::move(added));
  stream->notified += watcher->notify;
  ++watchers_;
  feed_.SkipIfIdle(live_.get());
  if (watcher->next >= live_->next) {
    live_->index.Insert(watcher, range);
    return;
  }
  ++behind_;
  ++stream->behind;
  AddWaiting(watcher, std::move(range));
  Enqueue(stream);
  Schedule();
}

void WatchHub::Impl::Drop(Watcher* watcher) {
  WatchStream* stream = watcher->stream;
  if (watcher->place != Watcher::Place::kLive) {
    --behind_;
    --stream->behind;
  }
  if (watcher->place == Watcher::Place::kWaiting) {
    TakeWaiting(watcher);
  } else {
    RangeIndex::Remove(watcher);
  }
  stream->notified -= watcher->notify;
  --watchers_;
  const size_t erased = stream->watchers.erase(watcher->id);
  KEELSON_CHECK(erased == 1, "a watcher is known to its stream");
}

void WatchHub::Impl::SendCompacted(WatchStream* stream, int64_t watch_id) {
  SendControl(stream, {.revision = 0,
                       .watch_id = watch_id,
                       .canceled = true,
                       .compact_revision = feed_.compacted()});
  stream->compacted_ids.insert(watch_id);
}

void WatchHub::Impl::Cancel(StreamId stream, int64_t watch_id) {
  WatchStream* found = Find(stream);
  if (found == nullptr) return;
  const auto watcher = found->watchers.find(watch_id);
  if (watcher != found->watchers.end()) {
    Drop(watcher->second.get());
  } else if (found->compacted_ids.erase(watch_id) == 0) {
    return;
  }
  SendControl(found, {.revision = feed_.published(), .watch_id = watch_id, .canceled = true});
}

void WatchHub::Impl::RequestProgress(StreamId stream) {
  if (WatchStream* found = Find(stream)) progress_.Request(found->id, feed_.published());
}

void WatchHub::Impl::OnWritable(StreamId stream) {
  WatchStream* found = Find(stream);
  if (found == nullptr || found->waiting.empty()) return;
  Enqueue(found);
  Schedule();
}

}  // namespace keelson::server
