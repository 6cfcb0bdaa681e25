#include "server/node/freshness.h"

#include <algorithm>

#include "server/node/mutants.h"

namespace keelson::server {

void Freshness::RoundConfirmed(uint64_t round) {
  if (!round_ || round_->first.round != round) return;
  Offer({round_->second, round_->first.index});
}

void Freshness::Returned(const raft::FreshnessEcho& echo, uint64_t now) {
  if (echo.stamp.process_nonce != boot_id_) return;  // of a process before this one
  Offer({kMutantAgeSinceReceipt ? now : echo.stamp.stamp, echo.commit});
}

void Freshness::Offer(const Mark& mark) {
  if (anchor_ && mark.moment <= *anchor_) return;
  if (!waiting_.empty() && mark.moment <= waiting_.back().moment) return;
  if (waiting_.size() == kWaiting) waiting_.pop_back();
  waiting_.push_back(mark);
}

std::optional<uint64_t> Freshness::Anchor(raft::Index applied) {
  while (!waiting_.empty() && (waiting_.front().index <= applied || kMutantAgeBeforeApplied)) {
    anchor_ = std::max(anchor_.value_or(0), waiting_.front().moment);
    waiting_.pop_front();
  }
  return anchor_;
}

std::optional<uint64_t> Freshness::QuorumHeard() const {
  return waiting_.empty() ? anchor_ : waiting_.back().moment;
}

Duration Freshness::AgeOf(uint64_t anchor, uint64_t now) {
  const auto passed = static_cast<int64_t>(now > anchor ? now - anchor : 0);
  if (kMutantAgeWithoutDrift) return Duration(passed) + kTick;
  return Duration(passed + passed / kDriftDivisor + 1) + kTick;
}

}  // namespace keelson::server
