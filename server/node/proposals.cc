#include "server/node/proposals.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "server/apply/errors.h"

namespace keelson::server {
namespace {

ApplyResult Failure(const absl::Status& status) {
  ApplyResult result;
  result.status = status;
  return result;
}

}  // namespace

void Proposals::Add(uint64_t sequence, Payload payload, Done done, Instant now) {
  KEELSON_CHECK(!pending_.contains(sequence), "a sequence number is used once");
  Pending& pending = pending_[sequence];
  pending.payload = std::move(payload);
  pending.done = std::move(done);
  pending.since = now;
  waiting_.emplace(sequence, true);
}

void Proposals::SendWaiting(const Send& send, Instant now) {
  while (!waiting_.empty()) {
    const uint64_t sequence = waiting_.begin()->first;
    Pending& pending = pending_.at(sequence);
    Attempt attempt = send(sequence, pending.payload);
    if (attempt.sent == Sent::kNotNow) return;
    waiting_.erase(sequence);
    pending.sent = now;
    if (attempt.sent == Sent::kRefused) {
      ++failed_total_;
      Finish(sequence, Failure(attempt.refusal));
    } else if (attempt.sent == Sent::kAppended) {
      pending.state = State::kAppended;
      pending.id = attempt.id;
      pending.term = attempt.id.term;
      appended_[attempt.id.index] = sequence;
    } else {
      pending.state = State::kForwarded;
      pending.sent_to = attempt.leader;
      pending.term = attempt.term;
    }
  }
}

void Proposals::BackToWaiting(uint64_t sequence) {
  Pending& pending = pending_.at(sequence);
  pending.state = State::kWaiting;
  pending.connection_lost = false;
  pending.log_skipped = false;
  waiting_.emplace(sequence, true);
}

void Proposals::Refused(uint64_t sequence, raft::Term term, const absl::Status& final_error) {
  const auto found = pending_.find(sequence);
  // A refusal of what was sent before says nothing of what was sent since.
  if (found == pending_.end() || found->second.state != State::kForwarded ||
      found->second.term != term) {
    return;
  }
  if (final_error.ok()) return BackToWaiting(sequence);
  ++failed_total_;
  Finish(sequence, Failure(final_error));
}

void Proposals::IndexTaken(raft::EntryId id) {
  while (!appended_.empty() && appended_.begin()->first <= id.index) {
    const uint64_t sequence = appended_.begin()->second;
    appended_.erase(appended_.begin());
    const auto found = pending_.find(sequence);
    if (found == pending_.end() || found->second.state != State::kAppended) continue;
    // Applied() answers it if this is its entry. Any other term at its index means that the
    // entry was overwritten before it was committed.
    if (found->second.id.index == id.index && found->second.id.term != id.term) {
      BackToWaiting(sequence);
    }
  }
}

bool Proposals::TermApplied(raft::Term term) {
  if (term <= applied_term_) return false;
  applied_term_ = term;
  std::vector<uint64_t> lost;
  for (const auto& [sequence, pending] : pending_) {
    const bool sent = pending.state != State::kWaiting && !pending.term.IsNone();
    if (sent && pending.term < term && !pending.log_skipped) lost.push_back(sequence);
  }
  for (const uint64_t sequence : lost) BackToWaiting(sequence);
  return !lost.empty();
}

void Proposals::LogSkipped() {
  for (auto& [sequence, pending] : pending_) {
    pending.log_skipped = pending.state != State::kWaiting;
  }
}

void Proposals::Applied(uint64_t sequence, ApplyResult result, const ApplyTimes& times) {
  const auto found = pending_.find(sequence);
  if (found == pending_.end()) return;
  TellIfSlow(found->second, times, result.status);
  Finish(sequence, std::move(result));
}

void Proposals::TellIfSlow(const Pending& pending, const ApplyTimes& times,
                           const absl::Status& outcome) {
  if (times.ended - pending.since <= limits_.slow || !on_slow_) return;
  on_slow_({pending.since, pending.sent, times.committed, times.began, times.ended},
           pending.payload, outcome);
}

void Proposals::Finish(uint64_t sequence, ApplyResult result) {
  const auto found = pending_.find(sequence);
  if (found == pending_.end()) return;
  Done done = std::move(found->second.done);
  if (found->second.state == State::kWaiting) waiting_.erase(sequence);
  pending_.erase(found);
  done(std::move(result));
}

absl::Status Proposals::ExpiryError(const Pending& pending, Instant now,
                                    Instant leaderless_since) const {
  const Duration age = now - pending.since;
  const Duration leaderless = leaderless_since > now ? Duration(0) : now - leaderless_since;
  if (pending.state == State::kWaiting) {
    return age > limits_.never_sent ? errors::NoLeader() : absl::OkStatus();
  }
  const bool gave_up_on_leader = leaderless > limits_.leaderless && age > limits_.leaderless;
  if (age <= limits_.total && !gave_up_on_leader) return absl::OkStatus();
  if (pending.connection_lost) return errors::TimedOutConnectionLost();
  return gave_up_on_leader ? errors::TimedOutLeaderFailed() : errors::TimedOut();
}

void Proposals::Expire(Instant now, Instant leaderless_since) {
  std::vector<std::pair<uint64_t, absl::Status>> expired;
  for (const auto& [sequence, pending] : pending_) {
    absl::Status error = ExpiryError(pending, now, leaderless_since);
    if (!error.ok()) expired.emplace_back(sequence, std::move(error));
  }
  // The map's order is not repeatable; the order of answers must be.
  std::sort(expired.begin(), expired.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [sequence, error] : expired) {
    ++failed_total_;
    if (const auto found = pending_.find(sequence); found != pending_.end()) {
      TellIfSlow(found->second, {.committed = {}, .began = {}, .ended = now}, error);
    }
    Finish(sequence, Failure(error));
  }
}

void Proposals::ConnectionLost(raft::NodeId peer) {
  for (auto& [sequence, pending] : pending_) {
    if (pending.state == State::kForwarded && pending.sent_to == peer) {
      pending.connection_lost = true;
    }
  }
}

void Proposals::FailAll(const absl::Status& status) {
  std::vector<uint64_t> all;
  for (const auto& [sequence, pending] : pending_) all.push_back(sequence);
  std::sort(all.begin(), all.end());
  for (const uint64_t sequence : all) Finish(sequence, Failure(status));
}

}  // namespace keelson::server
