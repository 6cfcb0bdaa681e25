#include "bench/kvbench/load.h"

#include <algorithm>

#include "bench/kvbench/clock.h"

namespace keelson::kvbench {
namespace {

constexpr int64_t kErrorPause = 5 * kNanosPerMilli;
constexpr int64_t kReconnectPause = 10 * kNanosPerMilli;
constexpr int64_t kSweepInterval = 50 * kNanosPerMilli;

}  // namespace

LoadDriver::LoadDriver(LoadPlan plan, OpBuilder* builder, Poller* poller, RunStats* stats)
    : plan_(std::move(plan)), builder_(builder), poller_(poller), stats_(stats) {
  slots_.resize(plan_.connections * plan_.streams);
  connections_.resize(plan_.connections);
  for (uint32_t i = 0; i < slots_.size(); ++i) {
    slots_[i].channel = static_cast<uint32_t>(i / plan_.streams);
    connections_[slots_[i].channel].free_slots.push_back(i);
  }
  if (open_loop()) interval_ = static_cast<int64_t>(1e9 / plan_.rate);
}

void LoadDriver::Connect() {
  last_up_ = NowNanos();
  for (size_t i = 0; i < connections_.size(); ++i) {
    connections_[i].channel = std::make_unique<Channel>(i, poller_, this, this);
    connections_[i].endpoint = plan_.targets[i % plan_.targets.size()];
    connections_[i].channel->Connect(connections_[i].endpoint);
  }
}

bool LoadDriver::connected() const {
  return std::all_of(connections_.begin(), connections_.end(),
                     [](const Connection& connection) { return connection.channel->up(); });
}

bool LoadDriver::MayIssue(int64_t now) const {
  if (done_ || now < stats_->window.start || now >= stats_->window.to) return false;
  if (plan_.count > 0 && issued_ >= plan_.count) return false;
  return !gate_ || gate_();
}

bool LoadDriver::HasRoom(const Connection& connection) const {
  return connection.channel->up() && !connection.free_slots.empty() &&
         connection.channel->h2().CanOpen();
}

void LoadDriver::Issue(Connection& connection, int64_t intended, int64_t now) {
  const uint32_t index = connection.free_slots.back();
  connection.free_slots.pop_back();
  const PreparedOp op = builder_->Prepare(intended);
  Slot& slot = slots_[index];
  slot.kind = op.kind;
  slot.active = true;
  slot.chunked = op.chunked;
  slot.answered = false;
  slot.key_index = op.key_index;
  slot.intended = intended;
  slot.sent = now;
  if (op.chunked) slot.counter.Reset();
  ++issued_;
  ++active_;
  slot.stream = connection.channel->h2().Open(
      {.method = op.method, .tag = index, .half_close = true, .chunked = op.chunked}, op.message);
}

// Closed loop: every free slot of the connection sends.
void LoadDriver::Fill(Connection& connection, int64_t now) {
  while (HasRoom(connection) && MayIssue(now)) Issue(connection, now, now);
}

LoadDriver::Connection* LoadDriver::NextWithRoom() {
  for (size_t tried = 0; tried < connections_.size(); ++tried) {
    Connection& connection = connections_[next_connection_];
    next_connection_ = (next_connection_ + 1) % connections_.size();
    if (HasRoom(connection)) return &connection;
  }
  return nullptr;
}

// Open loop: what is due and finds no room stays due, with its time.
void LoadDriver::IssueDue(int64_t now) {
  if (next_due_ == kNever) next_due_ = stats_->window.start;
  while (next_due_ <= now && next_due_ < stats_->window.to && MayIssue(now)) {
    Connection* connection = NextWithRoom();
    if (connection == nullptr) return;
    Issue(*connection, next_due_, now);
    next_due_ += interval_;
  }
}

void LoadDriver::Step(int64_t now) {
  Reconnect(now);
  ResumePaused(now);
  if (open_loop()) {
    IssueDue(now);
  } else {
    for (Connection& connection : connections_) Fill(connection, now);
  }
  for (Connection& connection : connections_) connection.channel->Flush();
  if (now >= next_sweep_) {
    next_sweep_ = now + kSweepInterval;
    ExpireOverdue(now);
  }
  FinishIfDrained(now);
}

void LoadDriver::Reconnect(int64_t now) {
  for (Connection& connection : connections_) {
    if (connection.channel->up()) last_up_ = now;
    if (connection.reconnect_at > now || done_) continue;
    connection.reconnect_at = kNever;
    // The same address once more if it worked before; else the next one known.
    if (!connection.was_up && !plan_.fallbacks.empty()) {
      connection.endpoint = plan_.fallbacks[next_fallback_++ % plan_.fallbacks.size()];
    }
    connection.was_up = false;
    ++stats_->reconnects;
    connection.channel->Connect(connection.endpoint);
  }
}

void LoadDriver::ResumePaused(int64_t now) {
  while (!paused_.empty() && paused_.front().until <= now) {
    const uint32_t slot = paused_.front().slot;
    paused_.pop_front();
    connections_[slots_[slot].channel].free_slots.push_back(slot);
  }
}

void LoadDriver::ExpireOverdue(int64_t now) {
  for (uint32_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (!slot.active || now - slot.sent < plan_.timeout) continue;
    connections_[slot.channel].channel->h2().Cancel(slot.stream);
    OnClosed(i, {kClientTimeout, "no answer in time"});
  }
}

void LoadDriver::FinishIfDrained(int64_t now) {
  const bool by_count = plan_.count > 0 && issued_ >= plan_.count;
  const bool by_time = now >= stats_->window.to;
  const bool unreachable = now - last_up_ > plan_.timeout;
  if (done_ || !(by_count || by_time || unreachable)) return;
  if (active_ > 0 && !unreachable) return;
  if (unreachable) stats_->of(OpKind::kPut).AddError({kUnavailable, "no endpoint can be reached"});
  done_ = true;
}

int64_t LoadDriver::NextWake() const {
  int64_t wake = next_sweep_;
  if (open_loop() && next_due_ != kNever) {
    const bool room = std::any_of(connections_.begin(), connections_.end(),
                                  [this](const Connection& c) { return HasRoom(c); });
    if (room && MayIssue(next_due_)) wake = std::min(wake, next_due_);
  }
  if (!paused_.empty()) wake = std::min(wake, paused_.front().until);
  for (const Connection& connection : connections_) {
    wake = std::min(wake, connection.reconnect_at);
  }
  return wake;
}

void LoadDriver::OnMessage(uint64_t tag, std::string_view message) {
  Slot& slot = slots_[tag];
  slot.answered = builder_->Finish(slot.kind, slot.key_index, message, stats_->of(slot.kind));
}

void LoadDriver::OnChunk(uint64_t tag, std::string_view part) { slots_[tag].counter.Feed(part); }

void LoadDriver::Judge(Slot& slot, const GrpcStatus& status, int64_t now) {
  OpStats& stats = stats_->of(slot.kind);
  if (status.code != kOk) {
    stats.AddError(status);
    return;
  }
  if (slot.chunked) slot.answered = OpBuilder::FinishChunked(slot.counter, stats);
  if (slot.answered) {
    stats_->RecordOk(slot.kind, slot.intended, now);
  } else {
    stats.AddError({kInternal, "status OK without a valid answer"});
  }
}

void LoadDriver::OnClosed(uint64_t tag, const GrpcStatus& status) {
  const int64_t now = NowNanos();
  Slot& slot = slots_[tag];
  slot.active = false;
  --active_;
  Judge(slot, status, now);
  Connection& connection = connections_[slot.channel];
  const auto index = static_cast<uint32_t>(tag);
  if (status.code != kOk && !open_loop()) {
    paused_.push_back({now + kErrorPause, index});
    return;
  }
  connection.free_slots.push_back(index);
  if (!open_loop()) Fill(connection, now);
}

void LoadDriver::OnUp(size_t channel) { connections_[channel].was_up = true; }

void LoadDriver::OnDown(size_t channel, const std::string&) {
  connections_[channel].reconnect_at = NowNanos() + kReconnectPause;
}

}  // namespace keelson::kvbench
