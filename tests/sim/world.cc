#include "tests/sim/world.h"

#include <algorithm>

namespace keelson::sim {

uint64_t Dice::Next() {
  uint64_t z = (state_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

Duration Dice::Between(Duration low, Duration high) {
  return low + Duration(Below(static_cast<uint64_t>((high - low).count()) + 1));
}

World::EventId World::At(Instant when, std::function<void()> task) {
  const EventId id{std::max(when.nanos, now_.nanos), ++last_event_};
  queue_.emplace(id, std::move(task));
  return id;
}

bool World::Step() {
  if (queue_.empty()) return false;
  auto node = queue_.extract(queue_.begin());
  now_ = Instant{node.key().first};
  ++events_;
  Mix(node.key().second);
  node.mapped()();
  return true;
}

void World::RunUntil(Instant until, const std::function<bool()>& enough) {
  while (!queue_.empty() && queue_.begin()->first.first <= until.nanos) {
    if (enough && enough()) return;
    Step();
  }
  now_ = std::max(now_, until);
}

}  // namespace keelson::sim
