// One epoll instance and the loop that drives everything registered with it on one thread.
#pragma once

#include <cstdint>
#include <vector>

namespace keelson::kvbench {

// Something that waits for a file descriptor. Outlives the poller's last Wait.
class PollTarget {
 public:
  virtual ~PollTarget() = default;
  // `events` are epoll's bits. May be called once more after Remove (spurious).
  virtual void OnEvents(uint32_t events) = 0;
};

class Poller {
 public:
  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  void Add(int fd, uint32_t events, PollTarget* target);
  void Modify(int fd, uint32_t events, PollTarget* target);
  void Remove(int fd);

  // Waits until something is ready or CLOCK_MONOTONIC reaches `wake_at` (nanoseconds), then calls
  // the targets.
  void Wait(int64_t wake_at);

 private:
  int epoll_ = -1;
};

// A part of the load that acts when time has passed.
class Actor {
 public:
  virtual ~Actor() = default;
  // Does what is due at `now`.
  virtual void Step(int64_t now) = 0;
  // When Step has to be called again at the latest.
  virtual int64_t NextWake() const = 0;
  virtual bool Done() const = 0;
};

// Steps the actors and waits for sockets until every actor is done.
void RunLoop(Poller& poller, const std::vector<Actor*>& actors);

}  // namespace keelson::kvbench
