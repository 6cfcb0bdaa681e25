// The core alone: three members in one thread with instant disks and links, so that what is
// measured is the protocol's own CPU time per committed entry (all three members together).
#include <benchmark/benchmark.h>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "raft/core.h"

namespace keelson::raft {
namespace {

class NoReader : public LogReader {
 public:
  absl::StatusOr<std::vector<Entry>> Read(Index, Index, size_t) override {
    return absl::OutOfRangeError("everything asked for is in memory");
  }
  absl::StatusOr<Term> TermAt(Index) override { return absl::OutOfRangeError("as above"); }
};

class Trio {
 public:
  Trio() {
    InitialState state;
    for (uint64_t id = 1; id <= 3; ++id) {
      state.configuration.voters.insert(NodeId(id));
      state.configuration.members[NodeId(id)].incarnation = id;
    }
    for (uint64_t id = 1; id <= 3; ++id) {
      Options options;
      options.id = NodeId(id);
      options.incarnation = options.boot_id = id;
      options.memory_log_bytes = 1 << 30;  // the reader has nothing
      options.random = [id](uint64_t bound) { return (id - 1) % bound; };
      cores_[id - 1] = std::make_unique<Core>(options, state, &reader_);
    }
    for (int i = 0; i < 10; ++i) leader().Tick();
    Settle();
    KEELSON_CHECK(leader().IsLeader(), "the first member leads");
  }

  Core& leader() { return *cores_[0]; }

  // Turns of everyone until nothing moves.
  void Settle() {
    for (bool moved = true; moved;) {
      moved = false;
      for (const auto& core : cores_) moved |= Turn(*core);
    }
  }

  uint64_t messages() const { return messages_; }
  uint64_t batches() const { return batches_; }

 private:
  bool Turn(Core& core) {
    if (!core.HasReady()) return false;
    Ready ready = core.TakeReady();
    Send(std::move(ready.messages));
    if (ready.persist.has_value()) {
      if (ready.persist->must_sync) ++batches_;
      core.Persisted(ready.persist->seq);
    }
    Send(std::move(ready.messages_after_persist));
    if (!ready.committed.empty()) {
      const Index last = ready.committed.back().index;
      core.Applied(last);
      // As a node does once its store has flushed: keep a tail for the others.
      if (last.value() > core.first_index().value() + 4000) {
        KEELSON_CHECK(core.Compact(Index(last.value() - 1000)).ok(), "what is kept is in memory");
      }
    }
    return true;
  }

  void Send(std::vector<Message> messages) {
    for (Message& message : messages) {
      ++messages_;
      const NodeId from = message.from;
      cores_[message.to.value() - 1]->Step(from, std::move(message));
    }
  }

  NoReader reader_;
  std::array<std::unique_ptr<Core>, 3> cores_;
  uint64_t messages_ = 0;
  uint64_t batches_ = 0;
};

// Proposals of `range(0)` in a turn, payloads of `range(1)` bytes, from proposal to applied by all.
void ProposeToCommit(benchmark::State& state) {
  Trio trio;
  const auto payload =
      std::make_shared<const std::string>(std::string(static_cast<size_t>(state.range(1)), 'x'));
  const uint64_t messages = trio.messages();
  const uint64_t batches = trio.batches();
  for (auto step : state) {
    for (int64_t i = 0; i < state.range(0); ++i) {
      KEELSON_CHECK(trio.leader().Propose(payload).ok(), "the leader accepts");
    }
    trio.Settle();
  }
  KEELSON_CHECK(trio.leader().commit() == trio.leader().last().index, "everything is committed");
  const auto turns = static_cast<double>(state.iterations());
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["messages/turn"] = static_cast<double>(trio.messages() - messages) / turns;
  state.counters["syncs/turn"] = static_cast<double>(trio.batches() - batches) / turns;
}
BENCHMARK(ProposeToCommit)->Args({1, 256})->Args({64, 256})->Args({1000, 256})->Args({64, 16384});

// `range(0)` linearizable reads a turn at the leader, which share one round.
void ReadIndex(benchmark::State& state) {
  Trio trio;
  uint64_t context = 0;
  for (auto step : state) {
    for (int64_t i = 0; i < state.range(0); ++i) trio.leader().RequestRead(++context);
    trio.Settle();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(ReadIndex)->Arg(1)->Arg(64)->Arg(1000);

}  // namespace
}  // namespace keelson::raft

BENCHMARK_MAIN();
