// Watch streams that count what is delivered to them and how late.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/kvbench/channel.h"
#include "bench/kvbench/decode.h"
#include "bench/kvbench/histogram.h"
#include "bench/kvbench/keyspace.h"
#include "bench/kvbench/poller.h"
#include "bench/kvbench/stats.h"

namespace keelson::kvbench {

struct WatchPlan {
  std::vector<Endpoint> targets;
  std::string prefix;
  uint64_t connections = 1;
  uint64_t streams = 1;
  uint64_t watchers = 1;  // per stream
  // Each watcher has one key of `keys` instead of the prefix. REQUIRES: as many keys as watchers.
  bool own_keys = false;
  KeySpaceOptions keys;
  uint64_t stuck = 0;   // further connections with a watcher of the prefix, which read nothing
  int64_t timeout = 0;  // for the set-up, and for the last events after the last put
};

struct WatchStats {
  Histogram latency;       // of events stamped inside the measured window
  uint64_t delivered = 0;  // inside the measured window
  uint64_t delivered_total = 0;
  uint64_t missing = 0;       // acknowledged puts times watchers, less what came
  uint64_t out_of_order = 0;  // revision not above the one before, same watcher
  uint64_t broken = 0;        // streams that ended or watchers that were cancelled
  uint64_t bytes = 0;
  int64_t cpu_nanos = 0;  // of the watchers' thread, where they have one
  std::string first_problem;
};

// A client that watches a prefix and takes none of its events.
class StuckReader : public StreamHandler, public ChannelOwner {
 public:
  StuckReader(std::string prefix, Poller* poller)
      : prefix_(std::move(prefix)), channel_(0, poller, this, this) {}

  void Connect(const Endpoint& target) { channel_.Connect(target); }
  void Flush() { channel_.Flush(); }
  bool ready() const { return stuck_; }

  void OnMessage(uint64_t tag, std::string_view message) override;
  void OnChunk(uint64_t, std::string_view) override {}
  void OnClosed(uint64_t, const GrpcStatus&) override {}
  void OnUp(size_t channel) override;
  void OnDown(size_t, const std::string&) override {}

 private:
  const std::string prefix_;
  Channel channel_;
  bool stuck_ = false;
};

// Phase one (Step until Ready or Done): create the watchers. Phase two, after Measure: count events
// until every acknowledged put has been delivered everywhere. Used by the poller's thread.
class WatchLoad : public Actor, public StreamHandler, public ChannelOwner {
 public:
  WatchLoad(WatchPlan plan, Poller* poller);

  void Connect();
  bool ready() const;

  // `puts` are the counts of the load, which outlive this object; `load_done` says when it is over.
  // Only the window of `puts` is looked at before, but by LagInPuts.
  void Measure(const RunStats* puts, std::function<bool()> load_done);

  // Undelivered events per watcher, on average.
  uint64_t LagInPuts() const;
  const WatchStats& stats() const { return stats_; }

  void Step(int64_t now) override;
  int64_t NextWake() const override;
  bool Done() const override { return done_; }

  void OnMessage(uint64_t tag, std::string_view message) override;
  void OnChunk(uint64_t tag, std::string_view part) override;
  void OnClosed(uint64_t tag, const GrpcStatus& status) override;
  void OnUp(size_t channel) override;
  void OnDown(size_t channel, const std::string& reason) override;

 private:
  struct Stream {
    uint32_t id = 0;
    std::vector<int64_t> last_revision;  // by watch id
  };

  uint64_t Expected() const;
  void OnEvent(int64_t& last_revision, int64_t now, const WatchEvent& event);
  void Problem(const std::string& what);
  uint64_t DeliveriesOfOnePut() const;
  std::string CreateOf(uint64_t stream, uint64_t watcher);

  const WatchPlan plan_;
  Poller* const poller_;
  const RunStats* puts_ = nullptr;
  std::function<bool()> load_done_;
  std::vector<std::unique_ptr<Channel>> channels_;
  std::vector<Stream> streams_;
  std::vector<std::unique_ptr<StuckReader>> stuck_;
  KeySpace keys_;
  WatchStats stats_;
  uint64_t created_ = 0;
  int64_t deadline_ = 0;
  bool done_ = false;
};

}  // namespace keelson::kvbench
