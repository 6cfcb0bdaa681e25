// One unary request from its first attempt to its answer.
//
//   Attempt() --answer that the judge takes---------> done_
//      ^   \--failure that MayRetry, time left----> Again() --all were tried--> Pause()
//      |   \--any other failure-------------------> Fail()        |                |
//      +----------------------------------------------------------+----------------+
//   a named write whose end is unknown goes Again() where the cluster knows names; where that is
//   not known yet: Learn() --it does--> Again()
//                        \--it does not, or nobody answers--> Fail()
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

absl::Status CancelledByCaller() { return absl::CancelledError("cancelled by its caller"); }

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
                    .metadata = Named(request_.metadata),
                    .timeout = AttemptTimeout(deadline_ - now),
                    .cancellation = request_.cancellation};
    core_->transport().Unary(
        std::move(start), request_.body,
        [self = shared_from_this()](CallEnd end) { self->Ended(std::move(end)); });
  }

 private:
  bool pinned() const { return !request_.pinned_endpoint.empty(); }

  // What may be sent again leaves time for another member in case this one hangs; what may not
  // waits to the end.
  absl::Duration AttemptTimeout(absl::Duration left) const {
    const bool others_left = tried_.size() < core_->endpoints().size();
    const bool once = request_.effect == Effect::kWrites &&
                      (name_.empty() || names().support() != RequestNames::Support::kYes);
    if (pinned() || once || !others_left) return left;
    return left / 2;
  }

  RequestNames& names() const { return core_->names(); }

  // The same name for all attempts, until it turns out to be of no use.
  Metadata Named(Metadata metadata) {
    const bool wanted = core_->options().exactly_once && !unnamed_ &&
                        request_.effect == Effect::kWrites && CanBeNamed(request_.method) &&
                        names().IsWanted(core_->scheduler().Now());
    if (name_.empty() && wanted && !may_be_done_) name_ = names().Make();
    if (!name_.empty()) metadata.emplace_back(kRequestIdKey, name_);
    return metadata;
  }

  bool cancelled() const { return request_.cancellation && request_.cancellation->requested(); }

  void Ended(CallEnd end) {
    const Instant now = core_->scheduler().Now();
    if (BlamesEndpoint(end)) {
      core_->endpoints().Failed(endpoint_, now);
    } else {
      core_->endpoints().Succeeded(endpoint_);
    }
    if (end.reach != Reach::kNotSent) {
      reached_ = true;
      if (!end.status.ok())
        heard_ = Heard{.status = end.status, .reach = end.reach, .from = endpoint_};
    }
    names().Heard(end.metadata);
    if (end.status.ok()) {
      UnaryAnswer answer{
          .body = std::move(end.body), .metadata = std::move(end.metadata), .took = now - sent_at_};
      if (request_.judge) end.status = request_.judge(answer);
      if (end.status.ok()) return done_(std::move(answer));
    }
    if (!name_.empty() && NamedEnded(end, now)) return;
    if (IsTooOld(end.status)) too_old_ = end;
    const bool all_tried = rounds_ > 0 || tried_.size() >= core_->endpoints().size();
    const bool dialled_out =
        !reached_ && all_tried && now - started_ >= core_->options().dial_timeout;
    // It would go on, were it not for its caller.
    if (cancelled() && MayRetry(request_.effect, end)) end.status = CancelledByCaller();
    if (pinned() || cancelled() || dialled_out || now >= deadline_ ||
        !MayRetry(request_.effect, end)) {
      return Fail(end, now);
    }
    Again(end, now);
  }

  // The failure of an attempt with a name; whether it is dealt with.
  bool NamedEnded(const CallEnd& end, Instant now) {
    const NameOutcome outcome = NameOutcomeOf(end.metadata);
    if (outcome == NameOutcome::kDecided) {
      may_be_done_ = false;  // what was answered is what happened
      return false;
    }
    // Nothing was applied by this attempt, and its name is of no use.
    const bool foreign = IsForeignPosition(end.status);
    const bool too_early = IsTooEarlyForNames(end.status);
    if (outcome == NameOutcome::kTooOld || foreign || too_early) {
      if (foreign) names().Forget();
      if (too_early) names().NotYet(now);
      unnamed_ = too_early || renamed_;
      renamed_ = true;
      if (may_be_done_ || now >= deadline_ || cancelled()) return Fail(end, now), true;
      name_.clear();
      tried_.clear();
      return Attempt(), true;
    }
    if (Judge(request_.effect, end) != Outcome::kUnknown) {
      // Refused before it came to the log: that tells nothing of the attempts before.
      if (!may_be_done_ || end.reach == Reach::kNotSent) return false;
      return GoOn(end, now), true;
    }
    may_be_done_ = true;
    if (pinned() || now >= deadline_ || cancelled()) return Fail(end, now), true;
    switch (names().support()) {
      case RequestNames::Support::kYes:
        GoOn(end, now);
        break;
      case RequestNames::Support::kNo:
        Fail(end, now);
        break;
      case RequestNames::Support::kUnknown:
        Learn(end);
        break;
    }
    return true;
  }

  // A repetition does no harm, and settles what happened, if anything can.
  void GoOn(const CallEnd& end, Instant now) {
    const bool final = end.reach == Reach::kAnswered &&
                       end.status.code() != absl::StatusCode::kUnavailable &&
                       end.status.code() != absl::StatusCode::kDeadlineExceeded &&
                       end.status.code() != absl::StatusCode::kResourceExhausted;
    if (final || now >= deadline_ || cancelled()) return Fail(end, now);
    Again(end, now);
  }

  // Asks for something that does nothing, by a name, to see whether its answer speaks of the name:
  // to revoke the lease 0, which there never is.
  void Learn(const CallEnd& end) {
    StartUnary(core_,
               {.method = "/etcdserverpb.Lease/LeaseRevoke",
                .body = "",
                .effect = Effect::kReads,
                .timeout = deadline_ - core_->scheduler().Now(),
                .metadata = {{kRequestIdKey, names().Make()}},
                .cancellation = request_.cancellation},
               [self = shared_from_this(), end](const absl::StatusOr<UnaryAnswer>& answer) {
                 if (absl::IsNotFound(answer.status())) self->names().Deny();
                 const Instant now = self->core_->scheduler().Now();
                 const bool known = self->names().support() == RequestNames::Support::kYes;
                 known ? self->GoOn(end, now) : self->Fail(end, now);
               });
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
    Fail({.status = CancelledByCaller(), .reach = reach}, core_->scheduler().Now());
  }

  void Fail(const CallEnd& end, Instant now) {
    const Outcome outcome = may_be_done_ ? Outcome::kUnknown : Judge(request_.effect, end);
    // What a member said tells more than that another one can't be reached.
    const bool unreached = end.reach == Reach::kNotSent && !absl::IsCancelled(end.status);
    const Heard last = unreached && heard_
                           ? *heard_
                           : Heard{.status = end.status, .reach = end.reach, .from = endpoint_};
    if (last.reach == Reach::kAnswered) return done_(WithOutcome(last.status, outcome));
    const std::string where =
        pinned() ? request_.pinned_endpoint : absl::StrJoin(core_->endpoints().addresses(), ", ");
    const std::string what = last.reach == Reach::kNotSent
                                 ? absl::StrCat("no member could be reached at ", where)
                                 : absl::StrCat("no answer from ", last.from);
    const absl::Duration took = absl::Trunc(now - started_, absl::Milliseconds(1));
    done_(WithOutcome(
        absl::Status(last.status.code(), absl::StrCat(what, " within ", absl::FormatDuration(took),
                                                      ": ", last.status.message())),
        outcome));
  }

  // How an attempt ended that came to a member.
  struct Heard {
    absl::Status status;
    Reach reach;
    std::string from;
  };

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
  bool reached_ = false;        // some member got a request of ours
  std::optional<Heard> heard_;  // the last failure of such a one
  std::optional<CallEnd> too_old_;
  std::string name_;          // of a write; empty: it has none
  bool unnamed_ = false;      // it is to have none
  bool renamed_ = false;      // its first name was of no use
  bool may_be_done_ = false;  // an attempt by that name has ended without a known outcome
  Scheduler::TimerId pause_ = Scheduler::kNoTimer;
};

}  // namespace

void StartUnary(const std::shared_ptr<Core>& core, UnaryRequest request, UnaryDone done) {
  std::make_shared<UnaryCall>(core, std::move(request), std::move(done))->Attempt();
}

}  // namespace keelson::client::internal
