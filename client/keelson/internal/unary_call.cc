// One unary request from its first attempt to its answer.
//
//   Attempt() --answer that the judge takes---------> done_
//      ^   \--failure that MayRetry, time left----> Again() --all were tried--> Pause()
//      |   \--any other failure-------------------> Fail()        |                |
//      +----------------------------------------------------------+----------------+
//   at any time: the cancellation ends the attempt, or the pause, and with it the call
//
// Attempts follow each other, never overlap, so the state needs no lock.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/keelson/internal/core.h"

namespace keelson::client::internal {
namespace {

class UnaryCall : public std::enable_shared_from_this<UnaryCall> {
 public:
  UnaryCall(std::shared_ptr<Core> core, UnaryRequest request, UnaryDone done)
      : core_(std::move(core)), request_(std::move(request)), done_(std::move(done)) {
    timeout_ =
        request_.timeout == absl::ZeroDuration() ? core_->options().timeout : request_.timeout;
    started_ = core_->scheduler().Now();
    deadline_ = started_ + timeout_;
  }

  void Attempt() {
    const Instant now = core_->scheduler().Now();
    sent_at_ = now;
    endpoint_ = pinned() ? request_.pinned_endpoint : core_->endpoints().Pick(tried_, now);
    tried_.push_back(endpoint_);
    ++attempts_;
    CallStart start{.endpoint = endpoint_,
                    .method = request_.method,
                    .metadata = request_.metadata,
                    .timeout = AttemptTimeout(deadline_ - now),
                    .cancellation = request_.cancellation};
    core_->transport().Unary(
        std::move(start), request_.body,
        [self = shared_from_this()](CallEnd end) { self->Ended(std::move(end)); });
  }

 private:
  bool pinned() const { return !request_.pinned_endpoint.empty(); }

  // A read leaves time for another member in case this one hangs; a write can't be sent twice, so
  // it waits to the end.
  absl::Duration AttemptTimeout(absl::Duration left) const {
    const bool others_left = tried_.size() < core_->endpoints().size();
    if (pinned() || request_.effect == Effect::kWrites || !others_left) return left;
    return left / 2;
  }

  bool cancelled() const { return request_.cancellation && request_.cancellation->requested(); }

  void Ended(CallEnd end) {
    const Instant now = core_->scheduler().Now();
    if (BlamesEndpoint(end)) {
      core_->endpoints().Failed(endpoint_, now);
    } else {
      core_->endpoints().Succeeded(endpoint_);
    }
    reached_ = reached_ || end.reach != Reach::kNotSent;
    if (end.status.ok()) {
      UnaryAnswer answer{
          .body = std::move(end.body), .metadata = std::move(end.metadata), .took = now - sent_at_};
      if (request_.judge) end.status = request_.judge(answer);
      if (end.status.ok()) return done_(std::move(answer));
    }
    if (IsTooOld(end.status)) too_old_ = end;
    const bool dialled_out = !reached_ && now - started_ >= core_->options().dial_timeout;
    if (pinned() || cancelled() || dialled_out || now >= deadline_ ||
        !MayRetry(request_.effect, end)) {
      return Fail(end, now);
    }
    Again(end, now);
  }

  void Again(const CallEnd& end, Instant now) {
    if (tried_.size() < core_->endpoints().size()) return Attempt();
    // What all that can be reached have is too old: it gets no younger by waiting.
    if (too_old_) return Fail(*too_old_, now);
    tried_.clear();
    ++rounds_;
    const absl::Duration pause = core_->Backoff(rounds_);
    if (now + pause >= deadline_) return Fail(end, now);
    Pause(end, pause);
  }

  void Pause(const CallEnd& end, absl::Duration pause) {
    pause_ = core_->scheduler().After(pause, [self = shared_from_this()] {
      self->pause_ = Scheduler::kNoTimer;
      self->Attempt();
    });
    if (request_.cancellation == nullptr) return;
    request_.cancellation->OnRequest([weak = weak_from_this(), reach = end.reach] {
      if (const auto self = weak.lock()) {
        self->core_->scheduler().Post([self, reach] { self->EndPause(reach); });
      }
    });
  }

  void EndPause(Reach reach) {
    if (pause_ == Scheduler::kNoTimer) return;
    core_->scheduler().Cancel(std::exchange(pause_, Scheduler::kNoTimer));
    Fail({.status = absl::CancelledError("cancelled by its caller"), .reach = reach},
         core_->scheduler().Now());
  }

  void Fail(const CallEnd& end, Instant now) {
    const Outcome outcome = Judge(request_.effect, end);
    if (end.reach == Reach::kAnswered) return done_(WithOutcome(end.status, outcome));
    const std::string where =
        pinned() ? request_.pinned_endpoint : absl::StrJoin(core_->endpoints().addresses(), ", ");
    const std::string what = end.reach == Reach::kNotSent
                                 ? absl::StrCat("no member could be reached at ", where)
                                 : absl::StrCat("no answer from ", endpoint_);
    const absl::Duration took = absl::Trunc(now - started_, absl::Milliseconds(1));
    done_(WithOutcome(
        absl::Status(end.status.code(), absl::StrCat(what, " within ", absl::FormatDuration(took),
                                                     ": ", end.status.message())),
        outcome));
  }

  const std::shared_ptr<Core> core_;
  const UnaryRequest request_;
  const UnaryDone done_;
  absl::Duration timeout_;
  Instant started_;
  Instant deadline_;
  std::string endpoint_;            // of the running attempt
  Instant sent_at_;                 // it, too
  std::vector<std::string> tried_;  // in this round
  int attempts_ = 0;
  int rounds_ = 0;
  bool reached_ = false;  // some member got a request of ours
  std::optional<CallEnd> too_old_;
  Scheduler::TimerId pause_ = Scheduler::kNoTimer;
};

}  // namespace

void StartUnary(const std::shared_ptr<Core>& core, UnaryRequest request, UnaryDone done) {
  std::make_shared<UnaryCall>(core, std::move(request), std::move(done))->Attempt();
}

}  // namespace keelson::client::internal
