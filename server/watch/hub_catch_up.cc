// Watchers that are behind: they wait with their stream, are taken along by a group, and join the
// live ones again.

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "server/watch/hub_impl.h"
#include "server/watch/mutants.h"

namespace keelson::server {
namespace {

// Watchers are caught up together when they are at most this far apart: none has to wait for the
// reading of much that it does not need.
constexpr int64_t kGroupSpan = 10'000;

// In the order of streams and ids: indexes have none that is the same in every run.
std::vector<Watcher*> MembersOf(WatchGroup& group) {
  std::vector<Watcher*> members;
  members.reserve(group.index.watchers());
  group.index.ForEachNode([&](RangeNode* node) {
    members.insert(members.end(), node->watchers.begin(), node->watchers.end());
  });
  std::sort(members.begin(), members.end(), [](const Watcher* a, const Watcher* b) {
    return std::pair(a->stream->id, a->id) < std::pair(b->stream->id, b->id);
  });
  return members;
}

}  // namespace

void WatchHub::Impl::AddWaiting(Watcher* watcher, storage::KeyRange range) {
  WatchStream* stream = watcher->stream;
  watcher->place = Watcher::Place::kWaiting;
  watcher->slot = static_cast<uint32_t>(stream->waiting.size());
  stream->waiting.push_back({.watcher = watcher, .range = std::move(range)});
}

storage::KeyRange WatchHub::Impl::TakeWaiting(Watcher* watcher) {
  auto& list = watcher->stream->waiting;
  KEELSON_CHECK(watcher->slot < list.size() && list[watcher->slot].watcher == watcher,
                "a waiting watcher knows its slot");
  storage::KeyRange range = std::move(list[watcher->slot].range);
  if (watcher->slot + 1 < list.size()) {
    list[watcher->slot] = std::move(list.back());
    list[watcher->slot].watcher->slot = watcher->slot;
  }
  list.pop_back();
  if (list.empty()) list.shrink_to_fit();
  return range;
}

void WatchHub::Impl::Enqueue(WatchStream* stream) {
  if (std::exchange(stream->queued, true)) return;
  queue_.push_back(stream->id);
}

void WatchHub::Impl::FellBehind(Watcher* watcher, int64_t revision) {
  if (watcher->place == Watcher::Place::kLive) {
    ++behind_;
    ++watcher->stream->behind;
  }
  storage::KeyRange range = watcher->node->range;
  RangeIndex::Remove(watcher);
  watcher->next = revision;
  watcher->starts_later = false;
  // OnWritable will queue the stream.
  AddWaiting(watcher, std::move(range));
}

bool WatchHub::Impl::RunGroups(int64_t* units) {
  FormGroups();
  bool more = false;
  for (size_t left = groups_.size(); left > 0; --left) {
    if (*units <= 0) return true;
    const Group group = std::move(groups_.front());
    groups_.pop_front();
    if (group->index.empty()) continue;  // all have left
    int64_t share = std::max<int64_t>(*units / static_cast<int64_t>(left), 1);
    *units -= share;
    const EventFeed::State state = feed_.Advance(group, live_->next, &share, this);
    *units += share;
    if (AfterAdvance(group, state)) more = true;
  }
  // Room may have come up for those who still wait.
  return more || (!queue_.empty() && HasRoomFor(/*in_ring=*/true) && HasRoomFor(false));
}

bool WatchHub::Impl::AfterAdvance(const Group& group, EventFeed::State state) {
  switch (state) {
    case EventFeed::State::kMore:
      groups_.push_back(group);
      return true;
    case EventFeed::State::kReading:
      groups_.push_back(group);
      return false;
    case EventFeed::State::kCaughtUp:
      JoinLive(group);
      return false;
    case EventFeed::State::kCompacted:
      CancelCompacted(group);
      groups_.push_back(group);
      return true;
    case EventFeed::State::kTurnOver:
      Disband(group);
      return true;
    case EventFeed::State::kFailed:
      Fail(group);
      return false;
  }
  return false;
}

bool WatchHub::Impl::HasRoomFor(bool in_ring) const {
  size_t same = 0;
  for (const Group& group : groups_) same += feed_.InRing(group->next) == in_ring;
  return same < options_.groups;
}

std::vector<Watcher*> WatchHub::Impl::Candidates() {
  std::vector<Watcher*> candidates;
  const size_t enough = 4 * options_.group_watchers;
  for (size_t left = queue_.size(); left > 0 && candidates.size() < enough; --left) {
    WatchStream* stream = Find(queue_.front());
    queue_.pop_front();
    if (stream == nullptr) continue;
    stream->queued = false;
    if (stream->waiting.empty() || !stream->sink->Writable()) continue;
    const size_t taken = std::min(stream->waiting.size(), enough - candidates.size());
    for (auto it = stream->waiting.end() - static_cast<int64_t>(taken); it != stream->waiting.end();
         ++it) {
      candidates.push_back(it->watcher);
    }
    // Stays queued for those that find no room.
    Enqueue(stream);
  }
  std::sort(candidates.begin(), candidates.end(), [](const Watcher* a, const Watcher* b) {
    return std::tuple(a->next, a->stream->id, a->id) < std::tuple(b->next, b->stream->id, b->id);
  });
  return candidates;
}

void WatchHub::Impl::FormGroups() {
  if (queue_.empty() || (!HasRoomFor(/*in_ring=*/true) && !HasRoomFor(false))) return;
  Group group;
  int64_t start = 0;
  bool in_ring = false;
  for (Watcher* watcher : Candidates()) {
    if (watcher->next < feed_.compacted() && !feed_.InRing(watcher->next)) {
      SendCompacted(watcher->stream, watcher->id);
      Drop(watcher);
      continue;
    }
    if (group == nullptr || group->index.watchers() >= options_.group_watchers ||
        watcher->next > start + kGroupSpan || feed_.InRing(watcher->next) != in_ring) {
      start = watcher->next;
      in_ring = feed_.InRing(start);
      group = nullptr;
      if (!HasRoomFor(in_ring)) {
        // Those in the ring, if any, come last and may still find room.
        if (in_ring) break;
        continue;
      }
      group = std::make_shared<WatchGroup>(/*is_live=*/false, start, Priorities());
      groups_.push_back(group);
    }
    group->index.Insert(watcher, TakeWaiting(watcher));
    watcher->place = Watcher::Place::kGroup;
  }
}

void WatchHub::Impl::JoinLive(const Group& group) {
  for (Watcher* watcher : MembersOf(*group)) {
    const storage::KeyRange range = watcher->node->range;
    RangeIndex::Remove(watcher);
    watcher->next = std::max(watcher->next, group->next);
    if (kMutantWatchSkipsRevision) ++watcher->next;
    watcher->place = Watcher::Place::kLive;
    live_->index.Insert(watcher, range);
    --behind_;
    --watcher->stream->behind;
  }
}

void WatchHub::Impl::Disband(const Group& group) {
  for (Watcher* watcher : MembersOf(*group)) {
    storage::KeyRange range = watcher->node->range;
    RangeIndex::Remove(watcher);
    watcher->next = std::max(watcher->next, group->next);
    AddWaiting(watcher, std::move(range));
    Enqueue(watcher->stream);
  }
}

void WatchHub::Impl::CancelCompacted(const Group& group) {
  for (Watcher* watcher : MembersOf(*group)) {
    if (std::max(watcher->next, group->next) >= feed_.compacted()) continue;
    SendCompacted(watcher->stream, watcher->id);
    Drop(watcher);
  }
  group->next = std::max(group->next, feed_.compacted());
}

bool WatchHub::Impl::SweepLive(int64_t* units) {
  for (auto stream = streams_.lower_bound(sweep_->first); stream != streams_.end(); ++stream) {
    auto& watchers = stream->second->watchers;
    const bool resumed = stream->first == sweep_->first;
    auto it = resumed ? watchers.lower_bound(sweep_->second) : watchers.begin();
    while (it != watchers.end()) {
      if (--*units < 0) {
        sweep_ = {stream->first, it->first};
        return false;
      }
      Watcher* watcher = (it++)->second.get();
      if (watcher->place != Watcher::Place::kLive) continue;
      if (std::max(watcher->next, live_->next) >= sweep_floor_) continue;
      const int64_t id = watcher->id;
      SendCompacted(stream->second.get(), id);
      Drop(watcher);
      it = watchers.upper_bound(id);
    }
  }
  sweep_.reset();
  live_->next = std::max(live_->next, sweep_floor_);
  return true;
}

void WatchHub::Impl::Fail(const Group& group) {
  const absl::Status status = absl::UnavailableError(
      "etcdserver: watch: the history can't be read: " + std::string(group->error.message()));
  std::vector<StreamId> ended;
  for (const Watcher* watcher : MembersOf(*group)) ended.push_back(watcher->stream->id);
  ended.erase(std::unique(ended.begin(), ended.end()), ended.end());
  group->error = absl::OkStatus();
  group->cursor.reset();
  for (const StreamId id : ended) {
    const std::shared_ptr<WatchSink> sink = Find(id)->sink;
    Close(id);
    sink->End(status);
  }
}

}  // namespace keelson::server
