#include "server/node/auto_compactor.h"

#include <algorithm>

#include "base/check.h"

namespace keelson::server {
namespace {

constexpr Duration kLongestInterval = std::chrono::hours(1);
constexpr int kSamplesAnInterval = 10;

}  // namespace

AutoCompactor::AutoCompactor(const AutoCompaction& policy, Instant now)
    : policy_(policy), next_sample_(now), last_compaction_(now) {
  const bool periodic = policy.mode == AutoCompaction::Mode::kPeriodic;
  interval_ = periodic ? std::min(policy.period, kLongestInterval) : kRevisionInterval;
  sample_every_ = periodic ? interval_ / kSamplesAnInterval : interval_;
  KEELSON_CHECK(policy.mode == AutoCompaction::Mode::kOff || sample_every_.count() > 0,
                "a period of history is not shorter than its samples are apart");
  samples_kept_ = periodic ? static_cast<size_t>(policy.period / sample_every_) + 1 : 0;
}

std::optional<int64_t> AutoCompactor::Tick(Instant now, int64_t revision, bool leads) {
  if (policy_.mode == AutoCompaction::Mode::kOff || now < next_sample_) return std::nullopt;
  next_sample_ = now + sample_every_;
  const bool periodic = policy_.mode == AutoCompaction::Mode::kPeriodic;
  const auto due = periodic ? DuePeriodic(now, revision) : DueByRevision(revision);
  if (!leads || under_way_ || !due || *due == last_revision_) return std::nullopt;
  under_way_ = due;
  return due;
}

std::optional<int64_t> AutoCompactor::DuePeriodic(Instant now, int64_t revision) {
  samples_.push_back(revision);
  if (samples_.size() > samples_kept_) samples_.pop_front();
  if (samples_.size() < samples_kept_ || now - last_compaction_ < interval_) return std::nullopt;
  return samples_.front();
}

std::optional<int64_t> AutoCompactor::DueByRevision(int64_t revision) const {
  const int64_t target = revision - policy_.revisions;
  if (target <= 0) return std::nullopt;
  return target;
}

void AutoCompactor::Done(Instant now, bool compacted) {
  KEELSON_CHECK(under_way_.has_value(), "only what was begun is done");
  if (compacted) {
    last_revision_ = *under_way_;
    last_compaction_ = now;
  }
  under_way_.reset();
}

}  // namespace keelson::server
