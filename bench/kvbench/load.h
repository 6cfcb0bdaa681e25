// Drives unary operations over a set of connections, closed or open loop.
//
//   Closed loop: every stream slot sends its next operation when the last one is answered; after an
//   error it pauses a little. Open loop: operations are due at fixed times; one that finds no free
//   slot is sent later, and its latency still counts from when it was due.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/kvbench/channel.h"
#include "bench/kvbench/op_builder.h"
#include "bench/kvbench/poller.h"
#include "bench/kvbench/stats.h"

namespace keelson::kvbench {

struct LoadPlan {
  std::vector<Endpoint> targets = {};    // connections are spread over these
  std::vector<Endpoint> fallbacks = {};  // tried in turn after a failed connect
  uint64_t connections = 1;
  uint64_t streams = 1;
  double rate = 0;
  uint64_t count = 0;
  int64_t timeout = 0;
};

// Used by the poller's thread.
class LoadDriver : public Actor, public StreamHandler, public ChannelOwner {
 public:
  // All pointers outlive the driver. `stats->window` is set before the first Step.
  LoadDriver(LoadPlan plan, OpBuilder* builder, Poller* poller, RunStats* stats);

  // While `gate` is false nothing is sent. Asked at every step and answer.
  void set_gate(std::function<bool()> gate) { gate_ = std::move(gate); }

  // Starts to connect.
  void Connect();
  bool connected() const;

  void Step(int64_t now) override;
  int64_t NextWake() const override;
  bool Done() const override { return done_; }

  void OnMessage(uint64_t tag, std::string_view message) override;
  void OnChunk(uint64_t tag, std::string_view part) override;
  void OnClosed(uint64_t tag, const GrpcStatus& status) override;
  void OnUp(size_t channel) override;
  void OnDown(size_t channel, const std::string& reason) override;

 private:
  struct Slot {
    uint32_t channel = 0;
    uint32_t stream = 0;
    OpKind kind = OpKind::kPut;
    bool active = false;
    bool chunked = false;
    bool answered = false;
    uint64_t key_index = 0;
    int64_t intended = 0;
    int64_t sent = 0;
    RangeCounter counter;
  };
  struct Connection {
    std::unique_ptr<Channel> channel;
    std::vector<uint32_t> free_slots;
    Endpoint endpoint;
    bool was_up = false;  // since the last Connect
    int64_t reconnect_at = kNever;
  };
  struct Paused {
    int64_t until = 0;
    uint32_t slot = 0;
  };

  bool open_loop() const { return plan_.rate > 0; }
  bool MayIssue(int64_t now) const;
  bool HasRoom(const Connection& connection) const;
  void Issue(Connection& connection, int64_t intended, int64_t now);
  void Fill(Connection& connection, int64_t now);
  void IssueDue(int64_t now);
  Connection* NextWithRoom();
  void Reconnect(int64_t now);
  void ResumePaused(int64_t now);
  void ExpireOverdue(int64_t now);
  void FinishIfDrained(int64_t now);
  void Judge(Slot& slot, const GrpcStatus& status, int64_t now);

  const LoadPlan plan_;
  OpBuilder* const builder_;
  Poller* const poller_;
  RunStats* const stats_;
  std::function<bool()> gate_;
  std::vector<Slot> slots_;
  std::vector<Connection> connections_;
  std::deque<Paused> paused_;
  size_t next_connection_ = 0;
  size_t next_fallback_ = 0;
  uint64_t issued_ = 0;
  uint64_t active_ = 0;
  int64_t interval_ = 0;  // open loop
  int64_t next_due_ = kNever;
  int64_t next_sweep_ = 0;
  int64_t last_up_ = 0;  // when a connection was last known to be up
  bool done_ = false;
};

}  // namespace keelson::kvbench
