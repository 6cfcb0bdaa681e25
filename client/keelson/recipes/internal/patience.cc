#include "client/keelson/recipes/internal/patience.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/keelson/internal/random_id.h"
#include "client/keelson/internal/wait.h"
#include "client/keelson/recipes/lease_session.h"

namespace keelson::client::recipes::internal {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(10);
constexpr int kMaxDoublings = 6;
constexpr absl::Duration kLongestCall = absl::Seconds(5);
constexpr absl::Duration kShortestCall = absl::Seconds(1);

absl::Duration Monotonic() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

absl::Status GiveUp(absl::Status status) {
  return WithOutcome(std::move(status), Outcome::kFailed);
}

}  // namespace

void Bell::Ring() {
  const std::lock_guard lock(mutex_);
  rung_ = true;
  rung_changed_.notify_all();
}

void Bell::Await(absl::Duration timeout) {
  std::unique_lock lock(mutex_);
  client::internal::WaitFor(rung_changed_, lock, timeout, [this] { return rung_; });
  rung_ = false;
}

bool MayPass(const absl::Status& status) {
  return OutcomeOf(status) == Outcome::kUnknown || absl::IsUnavailable(status) ||
         absl::IsDeadlineExceeded(status) || absl::IsResourceExhausted(status);
}

Patience::Patience(const Client& client, const WaitOptions& options)
    : Patience(client, nullptr, options) {}

Patience::Patience(const LeaseSession& session, const WaitOptions& options)
    : Patience(session.client(), &session, options) {}

Patience::Patience(const Client& client, const LeaseSession* session, const WaitOptions& options)
    : client_(client),
      session_(session),
      stop_(options.stop),
      timeout_(options.timeout),
      started_(Monotonic()),
      bell_(std::make_shared<Bell>()),
      on_stop_(stop_, [bell = bell_] { bell->Ring(); }) {
  if (session_ != nullptr) session_->AddBell(bell_);
}

absl::Duration Patience::Left() const { return timeout_ - (Monotonic() - started_); }

absl::Status Patience::Check() const {
  if (client_.InCallback()) {
    return GiveUp(absl::FailedPreconditionError(
        "a recipe in a callback of the client would wait for itself; use a thread of your own"));
  }
  if (session_ != nullptr) {
    const absl::Status lost = session_->Lost();
    if (!lost.ok()) {
      return GiveUp(absl::FailedPreconditionError(
          absl::StrCat("the session's lease is lost: ", lost.message())));
    }
  }
  if (stop_.stop_requested()) return GiveUp(absl::CancelledError("the wait was cancelled"));
  if (Left() > absl::ZeroDuration()) return absl::OkStatus();
  return GiveUp(absl::DeadlineExceededError(
      absl::StrCat("not reached within ", absl::FormatDuration(timeout_))));
}

CallOptions Patience::Call() const {
  absl::Duration part = kLongestCall;
  if (session_ != nullptr) part = std::min(part, absl::Seconds(session_->ttl()) / 3);
  part = std::max(part, kShortestCall);
  return {.timeout = std::clamp(Left(), absl::Milliseconds(1), part)};
}

absl::Status Patience::Pause() {
  const absl::Duration step = kFirstPause * (1 << std::min(pauses_++, kMaxDoublings));
  bell_->Await(std::min(step * client::internal::RandomShare(), Left()));
  return Check();
}

std::unique_ptr<Watcher> Patience::Watch(const Client& client, std::vector<WatchTarget> targets,
                                         WatchOptions options) const {
  options.on_available = [bell = bell_] { bell->Ring(); };
  return client.Watch(std::move(targets), std::move(options));
}

absl::StatusOr<WatchBatch> Patience::Next(Watcher& watcher) const {
  while (true) {
    const absl::Status give_up = Check();
    if (!give_up.ok()) return give_up;
    auto batch = watcher.Next(absl::ZeroDuration());
    if (batch.ok() && batch->is_progress()) continue;
    if (batch.ok() || !absl::IsDeadlineExceeded(batch.status())) return batch;
    bell_->Await(Left());
  }
}

}  // namespace keelson::client::recipes::internal
