#include "tests/differential/watch_script.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/differential/keyspace.h"
#include "tests/differential/requests.h"

namespace keelson::differential {
namespace {

using etcdserverpb::WatchCreateRequest;
using etcdserverpb::WatchResponse;

int64_t RandomStart(Random& random, const World& world) {
  if (random.Chance(30)) return 0;
  if (random.Chance(10)) return world.revision + random.Between(1, 2);
  if (random.Chance(25)) return std::max<int64_t>(world.compacted + random.Between(-2, 1), 1);
  return random.Between(std::max<int64_t>(world.compacted, 1), world.revision);
}

WatchCreateRequest RandomCreate(Random& random, const World& world) {
  WatchCreateRequest create;
  const KeyInterval interval = RandomInterval(random);
  create.set_key(interval.key);
  create.set_range_end(interval.end);
  create.set_start_revision(RandomStart(random, world));
  create.set_prev_kv(random.Chance(50));
  create.set_progress_notify(random.Chance(20));
  create.set_fragment(random.Chance(20));
  if (random.Chance(15)) create.add_filters(WatchCreateRequest::NOPUT);
  if (random.Chance(15)) create.add_filters(WatchCreateRequest::NODELETE);
  if (random.Chance(40)) create.set_watch_id(random.Between(1, 6));
  return create;
}

bool Filters(const WatchCreateRequest& create, WatchCreateRequest::FilterType filter) {
  return std::find(create.filters().begin(), create.filters().end(), filter) !=
         create.filters().end();
}

// An empty key means the start of the key space.
std::string FirstKey(const WatchCreateRequest& create) {
  return create.key().empty() ? std::string(1, '\0') : create.key();
}

bool Covers(const WatchCreateRequest& create, const std::string& key) {
  const std::string first = FirstKey(create);
  if (create.range_end().empty()) return key == first;
  const bool open = create.range_end() == std::string(1, '\0');
  return key >= first && (open || key < create.range_end());
}

std::string ChangeText(const mvccpb::Event& event, int64_t compacted) {
  const bool lost_by_some =
      event.type() == mvccpb::Event::DELETE && event.kv().mod_revision() == compacted;
  return absl::StrCat("    ", lost_by_some ? "[delete at compaction] " : "",
                      event.ShortDebugString());
}

}  // namespace

std::string WatchScript::Describe() const {
  std::string text =
      absl::StrCat("Watch with ", writes, " writes", ask_progress ? ", progress" : "",
                   cancel_first ? ", cancel" : "", "\n");
  for (const WatchCreateRequest& create : creates) {
    absl::StrAppend(&text, "    create { ", create.ShortDebugString(), " }\n");
  }
  return text;
}

WatchScript RandomWatchScript(Random& random, const World& world) {
  WatchScript script;
  for (int64_t i = random.Between(1, 4); i > 0; --i) {
    script.creates.push_back(RandomCreate(random, world));
  }
  // Last: where one server takes it for a moment and the other never, later watches would get other
  // ids.
  if (world.compacted > 0 && random.Chance(10)) {
    WatchCreateRequest negative = RandomCreate(random, world);
    negative.set_start_revision(-random.Between(1, 3));
    negative.clear_watch_id();
    script.creates.push_back(negative);
  }
  script.writes = static_cast<int>(random.Below(8));
  script.ask_progress = random.Chance(50);
  script.cancel_first = random.Chance(50);
  script.cancel_unknown = random.Chance(20);
  return script;
}

WatchScript OnlyFirst(const WatchScript& script) {
  WatchScript one;
  one.creates = {script.creates.front()};
  one.writes = script.writes;
  return one;
}

WatchRun::WatchRun(const WatchScript& script, const World& world,
                   std::unique_ptr<WatchStream> stream)
    : script_(script),
      revision_at_start_(world.revision),
      compacted_(world.compacted),
      stream_(std::move(stream)) {}

void WatchRun::Create() {
  size_t compacted_expected = 0;
  for (const WatchCreateRequest& create : script_.creates) {
    etcdserverpb::WatchRequest request;
    *request.mutable_create_request() = create;
    stream_->Send(request);
    // Answers come in the order of requests; one at a time keeps the order of cancellations, too.
    const size_t wanted = answered_ + 1;
    while (answered_ < wanted && ReadOne()) {
    }
    const bool late = create.start_revision() != 0 && create.start_revision() < compacted_;
    const bool accepted =
        std::any_of(running_.begin(), running_.end(),
                    [&create](const auto& entry) { return entry.second.create == &create; });
    if (accepted && late) ++compacted_expected;
    while (compacted_cancels_ < compacted_expected && ReadOne()) {
    }
  }
}

std::vector<std::string> WatchRun::MarkerKeys() const {
  std::vector<std::string> keys;
  for (const auto& [id, running] : running_) keys.push_back(FirstKey(*running.create));
  return keys;
}

int64_t WatchRun::Awaited(const Running& running, const std::vector<Marker>& markers) const {
  const WatchCreateRequest& create = *running.create;
  int64_t revision = 0;
  for (const Marker& marker : markers) {
    const bool filtered = Filters(
        create, marker.is_delete ? WatchCreateRequest::NODELETE : WatchCreateRequest::NOPUT);
    if (filtered || !Covers(create, marker.key)) continue;
    if (marker.revision >= create.start_revision()) revision = marker.revision;
  }
  return revision;
}

bool WatchRun::StartsInTheFuture() const {
  return std::any_of(running_.begin(), running_.end(), [this](const auto& entry) {
    return entry.second.create->start_revision() > revision_at_start_;
  });
}

void WatchRun::Finish(const std::vector<Marker>& markers) {
  const auto complete = [&] {
    return std::all_of(running_.begin(), running_.end(), [&](const auto& entry) {
      return entry.second.last_revision >= Awaited(entry.second, markers);
    });
  };
  while (!complete() && ReadOne()) {
  }
  etcdserverpb::WatchRequest request;
  if (script_.cancel_unknown) {
    request.mutable_cancel_request()->set_watch_id(4711);
    stream_->Send(request);
  }
  if (script_.ask_progress && !running_.empty() && !StartsInTheFuture()) {
    request.mutable_progress_request();
    stream_->Send(request);
    while (!progress_seen_ && ReadOne()) {
    }
  }
  if (script_.cancel_first && !running_.empty()) {
    const int64_t id = running_.begin()->first;
    request.mutable_cancel_request()->set_watch_id(id);
    stream_->Send(request);
    while (canceled_id_ != id && ReadOne()) {
    }
  }
}

bool WatchRun::ReadOne() {
  WatchResponse response;
  if (!stream_->Read(response)) {
    control_.push_back(absl::StrCat("the stream ended too early: ", stream_->end()));
    return false;
  }
  if (response.events_size() > 0) {
    TakeChanges(response);
  } else {
    TakeControl(response);
  }
  return true;
}

void WatchRun::TakeControl(const WatchResponse& response) {
  const int64_t id = response.watch_id();
  const auto found = running_.find(id);
  const WatchCreateRequest* create = found != running_.end() ? found->second.create : nullptr;
  if (response.created() && answered_ < script_.creates.size()) {
    create = &script_.creates[answered_++];
    if (!response.canceled()) running_[id] = {.create = create, .changes = {}};
  }
  const bool negative = create != nullptr && create->start_revision() < 0;
  std::string line = absl::StrCat(negative ? "[negative start] " : "", "watch ", id);
  if (response.created()) absl::StrAppend(&line, " created");
  if (response.canceled()) absl::StrAppend(&line, " canceled");
  if (!response.created() && !response.canceled()) absl::StrAppend(&line, " progress");
  if (!response.cancel_reason().empty()) {
    absl::StrAppend(&line, " reason \"", response.cancel_reason(), "\"");
  }
  absl::StrAppend(&line, " revision ", response.header().revision(), " compact_revision ",
                  response.compact_revision(), response.fragment() ? " fragment" : "");
  control_.push_back(line);
  if (!response.created() && !response.canceled() && id == -1) progress_seen_ = true;
  if (!response.canceled() || found == running_.end()) return;
  if (response.compact_revision() != 0) ++compacted_cancels_;
  canceled_id_ = id;
  finished_changes_.push_back(
      absl::StrCat(negative ? "[negative start] " : "", "canceled watch ", id, ":"));
  for (const std::string& change : found->second.changes) finished_changes_.push_back(change);
  running_.erase(found);
}

void WatchRun::TakeChanges(const WatchResponse& response) {
  const auto found = running_.find(response.watch_id());
  if (found == running_.end()) return Broken(response.watch_id(), "changes of an unknown watch");
  Running& running = found->second;
  const int64_t first = response.events(0).kv().mod_revision();
  if (first < running.last_revision) Broken(found->first, "a revision goes back");
  if (first == running.last_revision && !running.create->fragment()) {
    Broken(found->first, "a revision is split or repeated");
  }
  if (response.fragment() && !running.create->fragment()) Broken(found->first, "a fragment");
  for (const mvccpb::Event& event : response.events()) {
    if (event.kv().mod_revision() < running.last_revision) Broken(found->first, "out of order");
    running.last_revision = event.kv().mod_revision();
    running.changes.push_back(ChangeText(event, compacted_));
  }
  if (response.header().revision() < running.last_revision) {
    Broken(found->first, "a header older than its changes");
  }
}

void WatchRun::Broken(int64_t id, const std::string& promise) {
  control_.push_back(absl::StrCat("BROKEN PROMISE of watch ", id, ": ", promise));
}

std::string WatchRun::Transcript() const {
  std::vector<std::string> lines = control_;
  lines.insert(lines.end(), finished_changes_.begin(), finished_changes_.end());
  for (const auto& [id, running] : running_) {
    lines.push_back(absl::StrCat("watch ", id, ":"));
    lines.insert(lines.end(), running.changes.begin(), running.changes.end());
  }
  return absl::StrJoin(lines, "\n") + "\n";
}

}  // namespace keelson::differential
