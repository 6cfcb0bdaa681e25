#include "client/keelson/internal/keep_alive_session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "client/keelson/internal/convert.h"
#include "client/keelson/internal/wait.h"

namespace keelson::client::internal {
namespace {

// Before the first answer nothing is known of the TTL; this paces the first tries.
constexpr absl::Duration kUnknownTtl = absl::Seconds(6);

// The share of the TTL after which an unanswered lease counts as lost: the rest covers the clocks'
// different rates and the time until the owner has reacted.
constexpr double kSafeShare = 0.9;

bool IsFinal(const absl::Status& status) {
  return absl::IsPermissionDenied(status) || absl::IsUnauthenticated(status) ||
         absl::IsUnimplemented(status) || absl::IsInvalidArgument(status) ||
         absl::IsNotFound(status);
}

}  // namespace

KeepAliveSession::KeepAliveSession(std::shared_ptr<Core> core, const LeaseGrantResult& granted,
                                   LeaseKeeperOptions options)
    : core_(std::move(core)), id_(granted.id), options_(std::move(options)), ttl_(kUnknownTtl) {
  if (granted.ttl <= 0) return;
  ttl_ = absl::Seconds(granted.ttl);
  deadline_ = absl::FromChrono(granted.asked_at.time_since_epoch()) + ttl_ * kSafeShare;
}

void KeepAliveSession::Start() {
  core_->scheduler().Post([self = shared_from_this(), deadline = deadline_] {
    if (self->stopped_) return;
    const bool known = deadline < absl::InfiniteDuration();
    if (known && !self->SetDeadline(deadline)) return self->Lose(self->NotInTime());
    self->Renew();
  });
}

void KeepAliveSession::Stop() {
  gate_.Close();
  core_->scheduler().Post([self = shared_from_this()] { self->Shutdown(); });
}

absl::Status KeepAliveSession::lost() const {
  const std::lock_guard lock(mutex_);
  if (!lost_.ok() || core_->scheduler().Now() < deadline_) return lost_;
  // After a pause of the process, or of its thread: the timer has yet to run.
  return NotInTime();
}

bool KeepAliveSession::WaitLost(absl::Duration timeout) const {
  if (core_->scheduler().InLoop() || !lost().ok()) return !lost().ok();
  std::unique_lock lock(mutex_);
  return WaitFor(lost_changed_, lock, timeout, [this] { return !lost_.ok(); });
}

absl::Duration KeepAliveSession::Remaining() const {
  const std::lock_guard lock(mutex_);
  if (!lost_.ok()) return absl::ZeroDuration();
  return std::max(deadline_ - core_->scheduler().Now(), absl::ZeroDuration());
}

void KeepAliveSession::Renew() {
  step_ = Scheduler::kNoTimer;
  if (stopped_) return;
  if (stream_ == nullptr) Open();
  sent_at_ = core_->scheduler().Now();
  etcdserverpb::LeaseKeepAliveRequest request;
  request.set_id(id_);
  stream_->Send(request.SerializeAsString());
  stream_->Read();
  step_ = core_->scheduler().After(ttl_ / 3, [self = shared_from_this()] { self->OnNoAnswer(); });
}

void KeepAliveSession::Open() {
  endpoint_ = core_->endpoints().Pick({}, core_->scheduler().Now());
  const uint64_t generation = ++generation_;
  const auto self = shared_from_this();
  stream_ = core_->transport().OpenStream(
      {.endpoint = endpoint_,
       .method = "/etcdserverpb.Lease/LeaseKeepAlive",
       .metadata = {{"hasleader", "true"}}},
      {.on_message = [self,
                      generation](const std::string& bytes) { self->OnMessage(generation, bytes); },
       .on_end = [self, generation](const CallEnd& end) { self->OnEnd(generation, end); }});
}

void KeepAliveSession::OnMessage(uint64_t generation, const std::string& bytes) {
  if (generation != generation_ || stream_ == nullptr) return;
  etcdserverpb::LeaseKeepAliveResponse response;
  if (!response.ParseFromString(bytes)) return Lose(UnreadableAnswer(response.GetTypeName()));
  if (response.ttl() <= 0) {
    return Lose(absl::NotFoundError(
        absl::StrFormat("lease %x has expired or was revoked", static_cast<uint64_t>(id_))));
  }
  core_->endpoints().Succeeded(endpoint_);
  failures_ = 0;
  ttl_ = absl::Seconds(response.ttl());
  if (!SetDeadline(sent_at_ + ttl_ * kSafeShare)) return Lose(NotInTime());
  RenewAfter(sent_at_ + ttl_ / 3 - core_->scheduler().Now());
  gate_.Call(options_.on_renewed, LeaseRenewResult{.header = ToHeader(response.header()),
                                                   .id = response.id(),
                                                   .ttl = response.ttl()});
}

void KeepAliveSession::OnEnd(uint64_t generation, const CallEnd& end) {
  if (generation != generation_ || stream_ == nullptr) return;
  if (end.reach == Reach::kAnswered && IsFinal(end.status)) {
    return Lose(WithOutcome(end.status, Outcome::kFailed));
  }
  Interrupted();
}

void KeepAliveSession::OnNoAnswer() {
  step_ = Scheduler::kNoTimer;
  if (!stopped_) Interrupted();
}

void KeepAliveSession::Interrupted() {
  core_->endpoints().Failed(endpoint_, core_->scheduler().Now());
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->Cancel();
  ++failures_;
  const bool move_on = failures_ < static_cast<int>(core_->endpoints().size());
  RenewAfter(move_on ? absl::ZeroDuration() : core_->Backoff(failures_));
}

void KeepAliveSession::RenewAfter(absl::Duration pause) {
  core_->scheduler().Cancel(step_);
  step_ = core_->scheduler().After(pause, [self = shared_from_this()] { self->Renew(); });
}

bool KeepAliveSession::SetDeadline(Instant deadline) {
  {
    const std::lock_guard lock(mutex_);
    if (core_->scheduler().Now() >= deadline_) return false;
    deadline_ = deadline;
  }
  core_->scheduler().Cancel(deadline_timer_);
  deadline_timer_ =
      core_->scheduler().After(deadline - core_->scheduler().Now(), [self = shared_from_this()] {
        self->deadline_timer_ = Scheduler::kNoTimer;
        self->Lose(self->NotInTime());
      });
  return true;
}

absl::Status KeepAliveSession::NotInTime() const {
  return absl::DeadlineExceededError(
      absl::StrFormat("lease %x could not be renewed in time", static_cast<uint64_t>(id_)));
}

void KeepAliveSession::Lose(absl::Status reason) {
  if (stopped_) return;
  Shutdown();
  {
    const std::lock_guard lock(mutex_);
    lost_ = std::move(reason);
    lost_changed_.notify_all();
  }
  gate_.Call(options_.on_lost);
}

void KeepAliveSession::Shutdown() {
  stopped_ = true;
  core_->scheduler().Cancel(std::exchange(step_, Scheduler::kNoTimer));
  core_->scheduler().Cancel(std::exchange(deadline_timer_, Scheduler::kNoTimer));
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->Cancel();
}

}  // namespace keelson::client::internal
