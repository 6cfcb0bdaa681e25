#include "bench/kvbench/keepalive_load.h"

#include "bench/kvbench/clock.h"
#include "bench/kvbench/decode.h"
#include "bench/kvbench/wire.h"

namespace keelson::kvbench {
namespace {

// Of one connection. More than a few thousand writes at once are refused by servers.
constexpr size_t kGrantsAtOnce = 50;

}  // namespace

KeepAliveLoad::KeepAliveLoad(KeepAlivePlan plan, Poller* poller, RunStats* stats)
    : plan_(std::move(plan)), poller_(poller), stats_(stats) {
  slots_.resize(plan_.connections * plan_.streams);
  next_grants_.resize(plan_.connections);
  grants_left_.resize(plan_.connections);
}

void KeepAliveLoad::Connect() {
  for (size_t i = 0; i < plan_.connections; ++i) {
    channels_.push_back(std::make_unique<Channel>(i, poller_, this, this));
    channels_.back()->Connect(plan_.targets[i % plan_.targets.size()]);
  }
}

void KeepAliveLoad::OnUp(size_t channel) {
  next_grants_[channel] = channel * plan_.streams;
  grants_left_[channel] = plan_.streams;
  for (size_t i = 0; i < kGrantsAtOnce; ++i) GrantNext(channel);
}

void KeepAliveLoad::GrantNext(size_t channel) {
  H2Connection& h2 = channels_[channel]->h2();
  size_t& next = next_grants_[channel];
  if (next == (channel + 1) * plan_.streams || !h2.CanOpen()) return;
  slots_[next] = Slot();
  message_.clear();
  EncodeLeaseGrant(plan_.lease_ttl, message_);
  h2.Open({.method = Method::kLeaseGrant, .tag = next++}, message_);
}

void KeepAliveLoad::OnDown(size_t, const std::string&) { ++stats_->reconnects; }

// Renewals begin once all leases of the connection are there: they would hold up the grants.
void KeepAliveLoad::GrantEnded(size_t channel) {
  GrantNext(channel);
  const size_t end = (channel + 1) * plan_.streams;
  if (--grants_left_[channel] > 0) return;
  for (size_t tag = channel * plan_.streams; tag < end; ++tag) {
    if (slots_[tag].lease != 0) OpenStream(tag);
  }
}

void KeepAliveLoad::OpenStream(uint64_t tag) {
  Slot& slot = slots_[tag];
  H2Connection& h2 = channels_[tag / plan_.streams]->h2();
  if (done_ || !h2.CanOpen()) return;
  message_.clear();
  EncodeLeaseKeepAlive(slot.lease, message_);
  slot.sent = NowNanos();
  slot.stream =
      h2.Open({.method = Method::kLeaseKeepAlive, .tag = tag, .half_close = false}, message_);
}

void KeepAliveLoad::OnMessage(uint64_t tag, std::string_view message) {
  Slot& slot = slots_[tag];
  const std::optional<LeaseResult> lease = DecodeLease(message);
  const bool renewing = slot.stream != 0;
  if (!lease || lease->id == 0 || lease->ttl <= 0) {
    stats_->of(OpKind::kKeepAlive).AddError({kUnknown, "answer without a living lease"});
    return;
  }
  slot.lease = lease->id;
  if (!renewing) return;
  const int64_t now = NowNanos();
  stats_->RecordOk(OpKind::kKeepAlive, slot.sent, now);
  if (now >= stats_->window.to) return;
  slot.sent = now;
  message_.clear();
  EncodeLeaseKeepAlive(slot.lease, message_);
  channels_[tag / plan_.streams]->h2().Send(slot.stream, message_);
}

void KeepAliveLoad::OnClosed(uint64_t tag, const GrpcStatus& status) {
  const bool granting = slots_[tag].stream == 0;
  if (granting) GrantEnded(tag / plan_.streams);
  if (status.code == kOk && granting && slots_[tag].lease != 0) return;
  GrpcStatus reported = status;
  if (status.code == kOk) reported = {kUnknown, "keepalive stream ended by the server"};
  stats_->of(OpKind::kKeepAlive).AddError(reported);
}

void KeepAliveLoad::OnChunk(uint64_t, std::string_view) {}

void KeepAliveLoad::Step(int64_t now) {
  for (const auto& channel : channels_) channel->Flush();
  done_ = now >= stats_->window.to;
}

}  // namespace keelson::kvbench
