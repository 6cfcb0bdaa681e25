#include "client/keelson/internal/watch_session.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "client/keelson/internal/convert.h"

namespace keelson::client::internal {
namespace {

// A member that has not accepted the targets after so long is taken for hanging.
constexpr absl::Duration kCreateTimeout = absl::Seconds(5);

// Whether the failure of a stream is the request's own fault, so that no other member would do
// better.
bool IsFinal(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsPermissionDenied(status) ||
         absl::IsUnauthenticated(status) || absl::IsUnimplemented(status);
}

WatchEvent ToEvent(const View& view, const mvccpb::Event& event) {
  WatchEvent result{.kv = ToKeyValue(event.kv())};
  result.kv.key.erase(0, view.prefix.size());
  if (event.type() == mvccpb::Event::DELETE) result.type = WatchEvent::Type::kDelete;
  if (event.has_prev_kv()) {
    result.prev_kv = ToKeyValue(event.prev_kv());
    result.prev_kv->key.erase(0, view.prefix.size());
  }
  return result;
}

Metadata MetadataOf(const WatchOptions& options) {
  Metadata metadata;
  // A member without a leader ends the stream, so that the watch moves to one that has.
  if (!options.stale_ok) metadata.emplace_back("hasleader", "true");
  if (options.max_age) {
    const int64_t ms = std::max<int64_t>(0, absl::ToInt64Milliseconds(*options.max_age));
    metadata.emplace_back("keelson-max-age-ms", absl::StrCat(ms));
  } else if (options.freshness) {
    metadata.emplace_back("keelson-min-revision", "0");
  }
  return metadata;
}

// Targets are numbered from 1 on the wire: 0 would let the server choose.
int64_t WatchId(size_t target) { return static_cast<int64_t>(target) + 1; }

}  // namespace

WatchSession::WatchSession(std::shared_ptr<Core> core, std::vector<WatchTarget> targets,
                           WatchOptions options, ViewPtr view)
    : core_(std::move(core)),
      options_(std::move(options)),
      view_(std::move(view)),
      queue_(options_.max_buffered_events) {
  KEELSON_CHECK(!targets.empty(), "a watch needs a target");
  for (const WatchTarget& target : targets) {
    targets_.push_back({.named = target.range,
                        .range = view_->Enter(target.range),
                        .next_revision = target.start_revision});
  }
}

void WatchSession::Start() {
  core_->scheduler().Post([self = shared_from_this()] { self->Begin(); });
}

void WatchSession::Close() {
  Stop();
  gate_.Close();
}

void WatchSession::Stop() {
  gate_.Shut();
  queue_.End(absl::CancelledError("the watch was cancelled by its owner"), /*drop=*/true);
  core_->scheduler().Post([self = shared_from_this()] {
    self->stopped_ = true;
    self->reader_ = nullptr;
    self->CloseStream();
    self->HandOver();
  });
}

void WatchSession::RequestProgress() {
  core_->scheduler().Post([self = shared_from_this()] {
    if (self->stream_ == nullptr) return;
    if (!self->progress_asked_) self->progress_asked_ = self->core_->scheduler().Now();
    etcdserverpb::WatchRequest request;
    request.mutable_progress_request();
    self->stream_->Send(request.SerializeAsString());
  });
}

absl::StatusOr<WatchBatch> WatchSession::Next(absl::Duration timeout) {
  const bool must_not_wait = timeout > absl::ZeroDuration() && core_->scheduler().InLoop();
  bool drained = false;
  auto batch = queue_.Next(must_not_wait ? absl::ZeroDuration() : timeout, drained);
  if (must_not_wait && absl::IsDeadlineExceeded(batch.status())) return WaitsOnOwnThread();
  // What the caller has seen, and no more.
  if (batch.ok() && !batch->is_progress()) {
    view_->Saw(batch->events.empty() ? batch->header.revision
                                     : batch->events.back().kv.mod_revision);
  }
  if (drained) {
    core_->scheduler().Post([self = shared_from_this()] { self->GoOnReading(); });
  }
  return batch;
}

Future<WatchBatch> WatchSession::NextAsync() {
  auto state = std::make_shared<FutureState<WatchBatch>>(core_->executor());
  core_->scheduler().Post([self = shared_from_this(), state] { self->Await(state); });
  return Future<WatchBatch>(std::move(state));
}

void WatchSession::Await(const std::shared_ptr<FutureState<WatchBatch>>& waiter) {
  if (waiter_ != nullptr) {
    std::exchange(waiter_, nullptr)
        ->Complete(absl::CancelledError("another one awaits the next batch by now"));
  }
  waiter_ = waiter;
  HandOver();
  waiter->cancellation()->OnRequest([weak = weak_from_this(), waiting = std::weak_ptr(waiter)] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->core_->scheduler().Post([self, waiting] {
      if (self->waiter_ == nullptr || self->waiter_ != waiting.lock()) return;
      std::exchange(self->waiter_, nullptr)
          ->Complete(absl::CancelledError("cancelled by its caller; the watch goes on"));
    });
  });
}

absl::StatusOr<int64_t> WatchSession::WaitReady(absl::Duration timeout) {
  if (!core_->scheduler().InLoop()) return queue_.WaitReady(timeout);
  auto ready = queue_.WaitReady(absl::ZeroDuration());
  if (absl::IsDeadlineExceeded(ready.status())) return WaitsOnOwnThread();
  return ready;
}

bool WatchSession::resyncs() const {
  return options_.resync || options_.initial_state ||
         options_.overflow == WatchOptions::Overflow::kResync;
}

void WatchSession::Begin() {
  if (stopped_) return;
  if (resyncs() && (options_.no_put || options_.no_delete)) {
    return Fail(absl::InvalidArgumentError(
        "a watch that resynchronizes has to see puts and deletions, both"));
  }
  for (size_t index = 0; options_.initial_state && index < targets_.size(); ++index) {
    if (targets_[index].next_revision == 0) lost_.push_back(index);
  }
  lost_.empty() ? Open() : BeginResync();
}

void WatchSession::Open() {
  if (stopped_) return;
  progress_asked_.reset();
  endpoint_ = core_->endpoints().Pick({}, core_->scheduler().Now());
  const uint64_t generation = ++generation_;
  const auto self = shared_from_this();
  stream_ = core_->transport().OpenStream(
      {.endpoint = endpoint_,
       .method = "/etcdserverpb.Watch/Watch",
       .metadata = MetadataOf(options_)},
      {.on_message = [self,
                      generation](const std::string& bytes) { self->OnMessage(generation, bytes); },
       .on_end = [self, generation](const CallEnd& end) { self->OnEnd(generation, end); }});
  for (size_t index = 0; index < targets_.size(); ++index) SendCreate(index);
  stream_->Read();
  timer_ = core_->scheduler().After(kCreateTimeout, [self] { self->OnCreateTimeout(); });
}

void WatchSession::SendCreate(size_t target) {
  TargetState& state = targets_[target];
  state.created = false;
  etcdserverpb::WatchRequest request;
  auto& create = *request.mutable_create_request();
  create.set_key(state.range.begin());
  create.set_range_end(state.range.end());
  create.set_start_revision(state.next_revision);
  create.set_watch_id(WatchId(target));
  create.set_prev_kv(options_.prev_kv);
  // Asked for in any case: it moves next_revision on while nothing changes, past compactions.
  create.set_progress_notify(true);
  if (options_.no_put) create.add_filters(etcdserverpb::WatchCreateRequest::NOPUT);
  if (options_.no_delete) create.add_filters(etcdserverpb::WatchCreateRequest::NODELETE);
  stream_->Send(request.SerializeAsString());
}

void WatchSession::OnMessage(uint64_t generation, const std::string& bytes) {
  if (generation != generation_ || stream_ == nullptr) return;
  etcdserverpb::WatchResponse response;
  if (!response.ParseFromString(bytes)) return Fail(UnreadableAnswer(response.GetTypeName()));
  OnResponse(response);
  if (stream_ != nullptr && generation == generation_ && !paused_) stream_->Read();
}

void WatchSession::OnResponse(const etcdserverpb::WatchResponse& response) {
  const uint64_t cluster = response.header().cluster_id();
  if (cluster_ == 0) cluster_ = cluster;
  if (cluster != 0 && cluster != cluster_) return OnStranger();
  seen_ = std::max(seen_, response.header().revision());
  if (response.canceled()) return OnCanceled(response);
  const int64_t id = response.watch_id();
  const bool known = id >= 1 && id <= static_cast<int64_t>(targets_.size());
  if (response.created() && known) return OnCreated(response, targets_[id - 1]);
  if (response.events_size() == 0) return OnProgress(response);
  if (known) OnChanges(response, static_cast<size_t>(id - 1));
}

void WatchSession::OnCreated(const etcdserverpb::WatchResponse& response, TargetState& target) {
  target.created = true;
  if (target.next_revision == 0) target.next_revision = response.header().revision() + 1;
  if (!AllCreated()) return;
  core_->scheduler().Cancel(std::exchange(timer_, Scheduler::kNoTimer));
  core_->endpoints().Succeeded(endpoint_);
  failures_ = 0;
  strangers_ = 0;
  if (response.header().revision() < seen_) CheckHistory();
  queue_.SetReady(response.header().revision());
}

void WatchSession::OnCanceled(const etcdserverpb::WatchResponse& response) {
  const std::string& reason = response.cancel_reason();
  if (response.compact_revision() != 0 || absl::StrContains(reason, "has been compacted")) {
    const int64_t id = response.watch_id();
    if (resyncs() && id >= 1 && id <= static_cast<int64_t>(targets_.size())) {
      return LosePlace(static_cast<size_t>(id - 1));
    }
    compact_revision_.store(response.compact_revision(), std::memory_order_release);
    return Fail(absl::OutOfRangeError(
        absl::StrCat("etcdserver: mvcc: required revision has been compacted; the oldest that can "
                     "be watched is ",
                     response.compact_revision())));
  }
  if (reason.empty() || absl::StrContains(reason, "no leader")) {
    return Interrupted(absl::UnavailableError(
        absl::StrCat("the member ended the watch", reason.empty() ? "" : ": ", reason)));
  }
  if (absl::StrContains(reason, "PermissionDenied")) {
    return Fail(absl::PermissionDeniedError(reason));
  }
  Fail(absl::FailedPreconditionError(absl::StrCat("the cluster refused the watch: ", reason)));
}

void WatchSession::OnStranger() {
  absl::Status why = absl::FailedPreconditionError(
      absl::StrCat(endpoint_, " belongs to another cluster than the watch began with"));
  if (++strangers_ < core_->endpoints().size()) return Interrupted(why);
  LoseHistory(std::move(why));  // all of them
}

void WatchSession::OnChanges(const etcdserverpb::WatchResponse& response, size_t index) {
  TargetState& target = targets_[index];
  WatchBatch batch{.header = ToHeader(response.header()), .target = index};
  for (const mvccpb::Event& event : response.events()) {
    if (event.kv().mod_revision() < target.next_revision) continue;
    batch.events.push_back(ToEvent(*view_, event));
  }
  if (batch.events.empty()) return;
  // The server never splits a revision over two answers unless asked to, and we don't ask.
  target.next_revision = batch.events.back().kv.mod_revision + 1;
  if (resyncs()) Remember(target, batch.events);
  Deliver(std::move(batch));
}

void WatchSession::OnProgress(const etcdserverpb::WatchResponse& response) {
  WatchBatch mark{.header = ToHeader(response.header()),
                  .target = WatchBatch::kAllTargets,
                  .kind = WatchBatch::Kind::kProgress};
  const int64_t id = response.watch_id();
  if (id < 1 || id > static_cast<int64_t>(targets_.size())) {
    // The answer to RequestProgress. It is no ground to move on: etcd before 3.4.25 could send it
    // ahead of changes.
    mark.freshness = {.quorum = response.keelson_quorum(), .revision = mark.header.revision};
    if (progress_asked_ && response.has_keelson_age_ms()) {
      // The member's word is of a moment after it was asked.
      mark.freshness.age = absl::Milliseconds(response.keelson_age_ms()) +
                           (core_->scheduler().Now() - *progress_asked_);
    }
    progress_asked_.reset();
    return Deliver(std::move(mark));
  }
  mark.target = static_cast<size_t>(id - 1);
  TargetState& target = targets_[mark.target];
  target.next_revision = std::max(target.next_revision, mark.header.revision + 1);
  if (options_.progress_notify) Deliver(std::move(mark));
}

void WatchSession::Deliver(WatchBatch batch) {
  const bool changes = batch.kind == WatchBatch::Kind::kChanges;
  const bool room = queue_.Push(std::move(batch));
  if (!room && changes) OnOverflow();
  if (!room && !changes) paused_ = true;
  Tell();
}

void WatchSession::OnOverflow() {
  switch (options_.overflow) {
    case WatchOptions::Overflow::kHoldBack:
      paused_ = true;
      return;
    case WatchOptions::Overflow::kFail:
      return Fail(absl::ResourceExhaustedError(
          absl::StrCat("more than ", options_.max_buffered_events, " events waited for Next")));
    case WatchOptions::Overflow::kResync:
      break;
  }
  for (const WatchBatch& dropped : queue_.Drop()) {
    for (const WatchEvent& event : dropped.events) {
      // Its owner still has the key, and will not hear of this deletion.
      if (event.type == WatchEvent::Type::kDelete) {
        targets_[dropped.target].known.insert(event.kv.key);
      }
    }
  }
  for (size_t index = 0; index < targets_.size(); ++index) LosePlace(index);
}

void WatchSession::GoOnReading() {
  if (!std::exchange(paused_, false)) return;
  if (stream_ != nullptr) return stream_->Read();
  FetchPage();
}

void WatchSession::Tell() {
  gate_.Call(options_.on_available);
  HandOver();
}

void WatchSession::HandOver() {
  if (waiter_ == nullptr) return;
  auto batch = Next(absl::ZeroDuration());
  if (absl::IsDeadlineExceeded(batch.status())) return;
  std::exchange(waiter_, nullptr)->Complete(std::move(batch));
}

void WatchSession::OnEnd(uint64_t generation, const CallEnd& end) {
  if (generation != generation_ || stream_ == nullptr) return;
  if (end.reach == Reach::kAnswered && IsFinal(end.status)) return Fail(end.status);
  Interrupted(end.status);
}

void WatchSession::OnCreateTimeout() {
  timer_ = Scheduler::kNoTimer;
  if (stopped_ || stream_ == nullptr || AllCreated()) return;
  if (paused_) {
    // It is this side that does not read.
    timer_ = core_->scheduler().After(kCreateTimeout,
                                      [self = shared_from_this()] { self->OnCreateTimeout(); });
    return;
  }
  Interrupted(absl::UnavailableError(absl::StrCat(endpoint_, " did not accept the watch within ",
                                                  absl::FormatDuration(kCreateTimeout))));
}

void WatchSession::Interrupted(const absl::Status& status) {
  core_->endpoints().Failed(endpoint_, core_->scheduler().Now());
  CloseStream();
  ++failures_;
  gate_.Call(options_.on_interrupted, status);
  // The first failure moves on to another member at once.
  const absl::Duration pause = failures_ == 1 && core_->endpoints().size() > 1
                                   ? absl::ZeroDuration()
                                   : core_->Backoff(failures_);
  timer_ = core_->scheduler().After(pause, [self = shared_from_this()] {
    self->timer_ = Scheduler::kNoTimer;
    self->Open();
  });
}

void WatchSession::Fail(absl::Status status) {
  stopped_ = true;
  reader_ = nullptr;
  CloseStream();
  queue_.End(WithOutcome(std::move(status), Outcome::kFailed), /*drop=*/false);
  Tell();
}

void WatchSession::CloseStream() {
  core_->scheduler().Cancel(std::exchange(timer_, Scheduler::kNoTimer));
  paused_ = false;
  if (stream_ == nullptr) return;
  stream_->Cancel();
  stream_ = nullptr;
}

bool WatchSession::AllCreated() const {
  return std::all_of(targets_.begin(), targets_.end(),
                     [](const TargetState& target) { return target.created; });
}

}  // namespace keelson::client::internal
