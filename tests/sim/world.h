// Time and chance of a simulated cluster: one queue of events, one random source, one seed.
//
// Everything that happens in a simulation happens inside Step, in an order that follows from the
// seed alone.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "server/node/seams.h"

namespace keelson::sim {

using server::Duration;
using server::Instant;

// SplitMix64: small, fast, and the same everywhere.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  // In [0, bound). REQUIRES: bound > 0.
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  // True once in `one_in` times; never for 0.
  bool OneIn(uint64_t one_in) { return one_in != 0 && Below(one_in) == 0; }
  Duration Between(Duration low, Duration high);

 private:
  uint64_t state_;
};

class World {
 public:
  explicit World(uint64_t seed) : dice_(seed) {}

  Instant now() const { return now_; }
  Dice& dice() { return dice_; }
  uint64_t events() const { return events_; }
  // Changes with everything that happened: equal for equal runs.
  uint64_t trace() const { return trace_; }
  void Mix(uint64_t value) { trace_ = (trace_ ^ value) * 0x100000001b3; }

  using EventId = std::pair<int64_t, uint64_t>;  // when, number
  EventId At(Instant when, std::function<void()> task);
  EventId After(Duration delay, std::function<void()> task) { return At(now_ + delay, task); }
  void Cancel(EventId event) { queue_.erase(event); }

  // Keeps `thing` until all events are gone: what they hold may still point to it.
  void Keep(std::shared_ptr<void> thing) { kept_.push_back(std::move(thing)); }

  // Runs the next event; false when there is none.
  bool Step();
  // Runs events until `until` or until `enough` says so.
  void RunUntil(Instant until, const std::function<bool()>& enough = nullptr);

 private:
  Dice dice_;
  Instant now_{1'000'000'000};
  uint64_t last_event_ = 0;
  uint64_t events_ = 0;
  uint64_t trace_ = 0xcbf29ce484222325;
  std::vector<std::shared_ptr<void>> kept_;  // goes after the queue
  std::map<EventId, std::function<void()>> queue_;
};

}  // namespace keelson::sim
