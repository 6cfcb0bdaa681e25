#include "server/lease/lease_table.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "base/check.h"
#include "server/lease/lease_clock.h"
#include "server/lease/lease_rules.h"
#include "server/lease/lease_wheel.h"
#include "server/lease/mutants.h"

namespace keelson::server {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kTick = 100'000'000;
// Records that one call of Expired looks at, at most: about a millisecond.
constexpr size_t kTouchesPerCall = 16384;
// The same of DueCheckpoints.
constexpr size_t kSweepPerCall = 2048;

int64_t SaturatingAdd(int64_t a, int64_t b) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  return a > kMax - b ? kMax : a + b;
}

// The first tick at which all of `deadline` has passed.
uint64_t TickOf(int64_t deadline) {
  return static_cast<uint64_t>(deadline / kTick) + (deadline % kTick != 0 ? 1 : 0);
}

}  // namespace

class LeaseTable::Impl {
 public:
  using Index = LeaseWheel::Index;
  using Phase = LeaseRecord::Phase;
  using List = LeaseWheel::List;
  using Waiters = std::vector<std::function<void(LeaseRenewal)>>;

  // Where `deadline` and `phase` of a record are from an earlier leadership they mean nothing: the
  // lease is alive and has its full time from this promotion.
  bool IsCurrent(const LeaseRecord& record) const { return record.leadership == leadership; }

  int64_t DeadlineOf(const LeaseRecord& record) const {
    if (IsCurrent(record)) return record.deadline;
    const auto checkpoint = checkpoints.find(record.id);
    int64_t full = (checkpoint == checkpoints.end() ? record.ttl : checkpoint->second) * kSecond;
    if (kMutantLeaseEndsEarly) full /= 2;
    return SaturatingAdd(SaturatingAdd(promoted_at, extension), full);
  }

  uint64_t NowTick() const { return static_cast<uint64_t>(clock.Counted() / kTick); }

  bool IsHandedOut(const LeaseRecord& record) const {
    return IsCurrent(record) && record.phase == Phase::kHandedOut;
  }

  // From now on the deadline is this leadership's own, whatever the log says later.
  void MakeCurrent(LeaseRecord& record) const {
    if (IsCurrent(record)) return;
    record.deadline = DeadlineOf(record);
    record.leadership = leadership;
    record.phase = Phase::kAlive;
  }

  void Remove(Index index) {
    const int64_t id = wheel.At(index).id;
    ids.erase(id);
    long_leases.erase(id);
    checkpoints.erase(id);
    proposed.erase(id);
    wheel.Unlink(index);
    wheel.Free(index);
  }

  void AnswerAll(LeaseRenewal answer) {
    auto all = std::exchange(waiters, {});
    for (auto& [id, callbacks] : all) {
      for (auto& callback : callbacks) callback(answer);
    }
  }

  // Puts a lease whose slot fired where its deadline says.
  void Settle(Index index) {
    const int64_t deadline = DeadlineOf(wheel.At(index));
    if (deadline <= clock.Counted()) {
      wheel.Append(List::kDue, index);
    } else {
      wheel.Place(index, TickOf(deadline));
    }
  }

  LeaseWheel wheel{0};
  LeaseClock clock;
  absl::flat_hash_map<int64_t, Index> ids;    // never iterated: its order differs from run to run
  absl::btree_map<int64_t, Waiters> waiters;  // keep-alives of leases that are handed out
  Duration checkpoint_every{0};
  absl::btree_set<int64_t> long_leases;               // longer than checkpoint_every
  absl::flat_hash_map<int64_t, int64_t> checkpoints;  // as applied; seconds; never iterated
  absl::flat_hash_set<int64_t> proposed;              // and not applied yet; never iterated
  int64_t swept = 0;                                  // DueCheckpoints has looked up to this id
  int64_t sweep_due = 0;                              // lease time of the next sweep
  uint64_t expired = 0;
  bool primary = false;
  bool wheel_behind = false;
  uint32_t leadership = 0;  // counts promotions
  int64_t promoted_at = 0;  // lease time of the last one
  int64_t extension = 0;    // what it gave on top of the TTL
};

LeaseTable::LeaseTable(Duration checkpoint_every) : impl_(std::make_unique<Impl>()) {
  impl_->checkpoint_every = checkpoint_every;
}
LeaseTable::~LeaseTable() = default;

void LeaseTable::OnGranted(const LeaseFacts& lease, Instant now) {
  if (impl_->ids.contains(lease.id)) return;
  const LeaseWheel::Index index = impl_->wheel.Add();
  LeaseRecord& record = impl_->wheel.At(index);
  record.id = lease.id;
  record.ttl = std::clamp<int64_t>(lease.ttl, 0, kMaxLeaseTtl);
  // A follower's clock stands still, so that the slot lies before any deadline that a later
  // promotion can give.
  const int64_t start = impl_->primary ? impl_->clock.AtMost(now) : impl_->clock.Counted();
  record.deadline = SaturatingAdd(start, record.ttl * kSecond);
  record.leadership = impl_->leadership;
  impl_->ids.emplace(lease.id, index);
  if (record.ttl * kSecond > impl_->checkpoint_every.count()) impl_->long_leases.insert(lease.id);
  impl_->wheel.Place(index, TickOf(kMutantLeaseEndsEarly ? start : record.deadline));
  if (lease.remaining > 0) OnCheckpoint({lease.id, lease.remaining});
}

void LeaseTable::OnCheckpoint(const LeaseCheckpoint& checkpoint) {
  const auto found = impl_->ids.find(checkpoint.id);
  if (found == impl_->ids.end()) return;
  LeaseRecord& record = impl_->wheel.At(found->second);
  if (impl_->primary) impl_->MakeCurrent(record);
  if (checkpoint.remaining == 0) {
    impl_->checkpoints.erase(checkpoint.id);
  } else {
    impl_->proposed.erase(checkpoint.id);
    const int64_t remaining = std::min(checkpoint.remaining, record.ttl);
    impl_->checkpoints[checkpoint.id] = remaining;
    if (impl_->primary) return;  // a later promotion can't give less than the deadline of now
    impl_->wheel.Unlink(found->second);
    impl_->wheel.Place(found->second, TickOf(impl_->clock.Counted() + remaining * kSecond));
  }
}

void LeaseTable::CheckpointsLost(const std::vector<LeaseCheckpoint>& lost) {
  for (const LeaseCheckpoint& checkpoint : lost) impl_->proposed.erase(checkpoint.id);
}

bool LeaseTable::IsCheckpointed(int64_t id) const {
  return impl_->checkpoints.contains(id) || impl_->proposed.contains(id);
}

std::vector<LeaseCheckpoint> LeaseTable::DueCheckpoints(Instant now, size_t max) {
  std::vector<LeaseCheckpoint> due;
  if (!impl_->primary || impl_->clock.Counted() < impl_->sweep_due) return due;
  auto next = impl_->long_leases.upper_bound(impl_->swept);
  for (size_t looked_at = 0; looked_at < kSweepPerCall && due.size() < max; ++looked_at, ++next) {
    if (next == impl_->long_leases.end()) {
      impl_->swept = 0;
      impl_->sweep_due = impl_->clock.Counted() + impl_->checkpoint_every.count() / 2;
      return due;
    }
    impl_->swept = *next;
    LeaseRecord& record = impl_->wheel.At(impl_->ids.at(*next));
    if (impl_->IsHandedOut(record) || impl_->proposed.contains(*next)) continue;
    const int64_t left = impl_->DeadlineOf(record) - impl_->clock.AtMost(now);
    const auto known = impl_->checkpoints.find(*next);
    const int64_t log_says = known == impl_->checkpoints.end() ? record.ttl : known->second;
    const int64_t remaining = std::max<int64_t>(left, 0) / kSecond + 1;
    if ((log_says - remaining) * kSecond < impl_->checkpoint_every.count() / 2) continue;
    impl_->MakeCurrent(record);
    impl_->proposed.insert(*next);
    due.push_back({*next, remaining});
  }
  return due;
}

void LeaseTable::OnRevoked(int64_t id) {
  const auto found = impl_->ids.find(id);
  if (found == impl_->ids.end()) return;
  if (impl_->primary && impl_->IsHandedOut(impl_->wheel.At(found->second))) ++impl_->expired;
  impl_->Remove(found->second);
  const auto waiting = impl_->waiters.find(id);
  if (waiting == impl_->waiters.end()) return;
  const Impl::Waiters callbacks = std::move(waiting->second);
  impl_->waiters.erase(waiting);
  for (const auto& callback : callbacks) callback({LeaseRenewal::Outcome::kGone, 0});
}

void LeaseTable::Clear() {
  impl_->ids.clear();
  impl_->long_leases.clear();
  impl_->checkpoints.clear();
  impl_->proposed.clear();
  impl_->wheel = LeaseWheel(impl_->NowTick());
  impl_->AnswerAll({LeaseRenewal::Outcome::kNotPrimary, 0});
}

bool LeaseTable::Contains(int64_t id) const { return impl_->ids.contains(id); }
size_t LeaseTable::size() const { return impl_->ids.size(); }
uint64_t LeaseTable::expired() const { return impl_->expired; }
bool LeaseTable::primary() const { return impl_->primary; }

std::vector<LeaseFacts> LeaseTable::List() const {
  std::vector<LeaseFacts> leases;
  leases.reserve(size());
  impl_->wheel.ForEach([&](const LeaseRecord& record) {
    const auto checkpoint = impl_->checkpoints.find(record.id);
    const bool known = checkpoint != impl_->checkpoints.end();
    leases.push_back(
        {.id = record.id, .ttl = record.ttl, .remaining = known ? checkpoint->second : 0});
  });
  return leases;
}

void LeaseTable::Promote(Instant now, Duration election_timeout) {
  KEELSON_CHECK(!impl_->primary, "a leader is promoted once");
  KEELSON_CHECK(election_timeout.count() > 0, "an election timeout is positive");
  impl_->primary = true;
  ++impl_->leadership;
  // What an earlier leadership has proposed is applied by now, or never will be.
  impl_->proposed.clear();
  impl_->sweep_due = impl_->clock.Counted();
  impl_->clock.Start(now, election_timeout);
  impl_->promoted_at = impl_->clock.Counted();
  impl_->extension = kMutantLeaseEndsEarly ? 0 : election_timeout.count();
}

void LeaseTable::Demote() {
  if (!impl_->primary) return;
  impl_->primary = false;
  impl_->wheel.Splice(Impl::List::kHandedOut, Impl::List::kDue);
  impl_->AnswerAll({LeaseRenewal::Outcome::kNotPrimary, 0});
}

void LeaseTable::QuorumContact(Instant now) {
  if (impl_->primary) impl_->clock.Contact(now);
}

std::vector<int64_t> LeaseTable::Expired(Instant now, size_t max) {
  std::vector<int64_t> expired;
  if (!impl_->primary || !impl_->clock.InContact(now)) return expired;
  LeaseWheel& wheel = impl_->wheel;
  size_t budget = kTouchesPerCall;
  impl_->wheel_behind = !wheel.Advance(impl_->NowTick(), &budget,
                                       [this](LeaseWheel::Index index) { impl_->Settle(index); });
  for (budget = kTouchesPerCall; expired.size() < max && budget > 0; --budget) {
    const LeaseWheel::Index index = wheel.First(Impl::List::kDue);
    if (index == LeaseWheel::kNone) break;
    wheel.Unlink(index);
    LeaseRecord& record = wheel.At(index);
    const int64_t deadline = impl_->DeadlineOf(record);
    if (deadline > impl_->clock.Counted()) {
      // Renewed, or of an earlier leadership.
      wheel.Place(index, TickOf(deadline));
      continue;
    }
    record.deadline = deadline;
    record.leadership = impl_->leadership;
    record.phase = Impl::Phase::kHandedOut;
    wheel.Append(Impl::List::kHandedOut, index);
    expired.push_back(record.id);
  }
  return expired;
}

bool LeaseTable::MoreExpired() const {
  return impl_->primary &&
         (impl_->wheel_behind || impl_->wheel.First(Impl::List::kDue) != LeaseWheel::kNone);
}

void LeaseTable::ExpiryLost(const std::vector<int64_t>& ids) {
  for (const int64_t id : ids) {
    const auto found = impl_->ids.find(id);
    if (found == impl_->ids.end()) continue;
    LeaseRecord& record = impl_->wheel.At(found->second);
    if (!impl_->primary || !impl_->IsHandedOut(record)) continue;
    // Still not renewable: a keep-alive that waits was told nothing, and its end is due.
    impl_->wheel.Unlink(found->second);
    impl_->wheel.Append(Impl::List::kDue, found->second);
  }
}

void LeaseTable::Renew(int64_t id, Instant now, std::function<void(LeaseRenewal)> done) {
  if (!impl_->primary) return done({LeaseRenewal::Outcome::kNotPrimary, 0});
  const auto found = impl_->ids.find(id);
  if (found == impl_->ids.end()) return done({LeaseRenewal::Outcome::kGone, 0});
  LeaseRecord& record = impl_->wheel.At(found->second);
  if (impl_->IsHandedOut(record)) {
    impl_->waiters[id].push_back(std::move(done));
    return;
  }
  const int64_t full = SaturatingAdd(impl_->clock.AtMost(now), record.ttl * kSecond);
  record.deadline = std::max(impl_->DeadlineOf(record), full);
  record.leadership = impl_->leadership;
  record.phase = Impl::Phase::kAlive;
  done({LeaseRenewal::Outcome::kRenewed, record.ttl});
}

std::optional<LeaseTimes> LeaseTable::TimeToLive(int64_t id, Instant now) const {
  KEELSON_CHECK(impl_->primary, "only the leader knows the time that remains");
  const auto found = impl_->ids.find(id);
  if (found == impl_->ids.end()) return std::nullopt;
  const LeaseRecord& record = impl_->wheel.At(found->second);
  const int64_t left = impl_->DeadlineOf(record) - impl_->clock.AtMost(now);
  return LeaseTimes{.granted = record.ttl, .remaining = std::max<int64_t>(left, 0) / kSecond};
}

}  // namespace keelson::server
