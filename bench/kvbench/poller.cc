#include "bench/kvbench/poller.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/check.h"
#include "bench/kvbench/clock.h"

namespace keelson::kvbench {
namespace {

constexpr int kMaxEvents = 256;
// Longest sleep: bounds the harm of an actor that names too late a time.
constexpr int64_t kMaxSleep = 100 * kNanosPerMilli;

void Control(int epoll, int operation, int fd, uint32_t events, PollTarget* target) {
  epoll_event event{.events = events, .data = {.ptr = target}};
  KEELSON_CHECK(epoll_ctl(epoll, operation, fd, &event) == 0, "epoll_ctl on a descriptor of ours");
}

int WaitFor(int epoll, epoll_event* events, int64_t nanos) {
  const timespec timeout{.tv_sec = nanos / kNanosPerSecond, .tv_nsec = nanos % kNanosPerSecond};
  const int ready = epoll_pwait2(epoll, events, kMaxEvents, &timeout, nullptr);
  if (ready >= 0 || errno != ENOSYS) return ready;
  const int64_t millis = (nanos + kNanosPerMilli - 1) / kNanosPerMilli;
  return epoll_wait(epoll, events, kMaxEvents, static_cast<int>(millis));
}

}  // namespace

Poller::Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  KEELSON_CHECK(epoll_ >= 0, "epoll_create1");
  // An open loop sends at given microseconds; the kernel's default would add 50 us of slack.
  prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
}

Poller::~Poller() { close(epoll_); }

void Poller::Add(int fd, uint32_t events, PollTarget* target) {
  Control(epoll_, EPOLL_CTL_ADD, fd, events, target);
}

void Poller::Modify(int fd, uint32_t events, PollTarget* target) {
  Control(epoll_, EPOLL_CTL_MOD, fd, events, target);
}

void Poller::Remove(int fd) { Control(epoll_, EPOLL_CTL_DEL, fd, 0, nullptr); }

void Poller::Wait(int64_t wake_at) {
  const int64_t now = NowNanos();
  const int64_t sleep = wake_at <= now ? 0 : std::min(wake_at - now, kMaxSleep);
  std::array<epoll_event, kMaxEvents> events;
  const int ready = WaitFor(epoll_, events.data(), sleep);
  for (int i = 0; i < ready; ++i) {
    static_cast<PollTarget*>(events[static_cast<size_t>(i)].data.ptr)
        ->OnEvents(events[static_cast<size_t>(i)].events);
  }
}

void RunLoop(Poller& poller, const std::vector<Actor*>& actors) {
  while (true) {
    const int64_t now = NowNanos();
    int64_t wake = kNever;
    bool all_done = true;
    for (Actor* actor : actors) {
      actor->Step(now);
      wake = std::min(wake, actor->NextWake());
      all_done = all_done && actor->Done();
    }
    if (all_done) return;
    poller.Wait(wake);
  }
}

}  // namespace keelson::kvbench
