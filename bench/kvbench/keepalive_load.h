// Renews leases as fast as they are answered: one lease and one stream per slot.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/kvbench/channel.h"
#include "bench/kvbench/poller.h"
#include "bench/kvbench/stats.h"

namespace keelson::kvbench {

struct KeepAlivePlan {
  std::vector<Endpoint> targets;
  uint64_t connections = 1;
  uint64_t streams = 1;
  int64_t lease_ttl = 60;
};

// Slot: [granting] --lease id--> [renewing] --answer--> [renewing] ... until the window ends.
// A slot whose stream or connection ends stays idle and counts as an error. Used by the poller's
// thread.
class KeepAliveLoad : public Actor, public StreamHandler, public ChannelOwner {
 public:
  // `stats->window` is set before the first Step.
  KeepAliveLoad(KeepAlivePlan plan, Poller* poller, RunStats* stats);

  void Connect();

  void Step(int64_t now) override;
  int64_t NextWake() const override { return stats_->window.to; }
  bool Done() const override { return done_; }

  void OnMessage(uint64_t tag, std::string_view message) override;
  void OnChunk(uint64_t tag, std::string_view part) override;
  void OnClosed(uint64_t tag, const GrpcStatus& status) override;
  void OnUp(size_t channel) override;
  void OnDown(size_t channel, const std::string& reason) override;

 private:
  struct Slot {
    int64_t lease = 0;
    uint32_t stream = 0;  // 0: still granting
    int64_t sent = 0;
  };

  // Grants the next lease of a connection, if any is left.
  void GrantNext(size_t channel);
  void GrantEnded(size_t channel);
  void OpenStream(uint64_t tag);

  const KeepAlivePlan plan_;
  Poller* const poller_;
  RunStats* const stats_;
  std::vector<std::unique_ptr<Channel>> channels_;
  std::vector<Slot> slots_;
  std::vector<size_t> next_grants_;  // by connection: the slot whose lease is granted next
  std::vector<size_t> grants_left_;  // by connection: those that have not ended
  std::string message_;
  bool done_ = false;
};

}  // namespace keelson::kvbench
