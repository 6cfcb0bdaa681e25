// The load driver against a server on a loopback socket, served by the same thread's poller.
#include "bench/kvbench/load.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "bench/kvbench/clock.h"
#include "tests/kvbench/scripted_server.h"

namespace keelson::kvbench {
namespace {

// Accepts connections and speaks through a ScriptedServer on each.
class LoopbackServer : public PollTarget {
 public:
  using OnRequest = std::function<void(ScriptedServer& server, int32_t stream)>;

  LoopbackServer(Poller* poller, OnRequest on_request)
      : poller_(poller), on_request_(std::move(on_request)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 64), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    poller_->Add(listener_, EPOLLIN, this);
  }

  ~LoopbackServer() override {
    close(listener_);
    for (const auto& peer : peers_) close(peer->fd);
  }

  Endpoint endpoint() const { return {"127.0.0.1", port_}; }

  void OnEvents(uint32_t) override {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    peers_.push_back(std::make_unique<Peer>(fd, this));
    poller_->Add(fd, EPOLLIN, peers_.back().get());
  }

  // Writes what was answered outside of a request.
  void Flush() {
    for (const auto& peer : peers_) peer->Flush();
  }

 private:
  struct Peer : PollTarget {
    Peer(int socket_fd, LoopbackServer* owner)
        : fd(socket_fd),
          server({}, [this, owner](int32_t stream, const std::string&, const std::string&, bool) {
            owner->on_request_(server, stream);
          }) {}

    void OnEvents(uint32_t) override {
      char buffer[65536];
      const ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
      if (got <= 0) return;
      EXPECT_TRUE(server.Feed({buffer, static_cast<size_t>(got)}));
      Flush();
    }

    void Flush() {
      const std::string output = server.TakeOutput();
      if (output.empty()) return;
      EXPECT_EQ(send(fd, output.data(), output.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(output.size()));
    }

    int fd;
    ScriptedServer server;
  };

  Poller* const poller_;
  OnRequest on_request_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::list<std::unique_ptr<Peer>> peers_;
};

void AnswerOk(ScriptedServer& server, int32_t stream) {
  server.Send(stream, "");
  server.Finish(stream, 0);
}

class LoadTest : public testing::Test {
 protected:
  void Run(LoadPlan plan, LoopbackServer::OnRequest on_request, double seconds = 0) {
    Poller poller;
    LoopbackServer server(&poller, std::move(on_request));
    plan.targets = {server.endpoint()};
    plan.fallbacks = plan.targets;
    options_.mix = {{OpKind::kPut, 1}};
    OpBuilder builder(options_, 0, 1);
    LoadDriver driver(plan, &builder, &poller, &stats_);
    driver.Connect();
    while (!driver.connected()) poller.Wait(NowNanos() + kNanosPerSecond);
    stats_.window.start = stats_.window.from = NowNanos();
    if (seconds > 0) {
      stats_.window.to = stats_.window.from + static_cast<int64_t>(seconds * 1e9);
    }
    RunLoop(poller, {&driver});
  }

  const OpStats& puts() const { return stats_.of(OpKind::kPut); }

  Options options_;
  RunStats stats_;
};

TEST_F(LoadTest, AClosedLoopKeepsEverySlotBusyAndNoMore) {
  int pending = 0;
  int most = 0;
  std::vector<std::pair<ScriptedServer*, int32_t>> waiting;
  Run({.connections = 2, .streams = 3, .count = 60, .timeout = 10 * kNanosPerSecond},
      [&](ScriptedServer& server, int32_t stream) {
        waiting.emplace_back(&server, stream);
        most = std::max(most, ++pending);
        // Answers a connection's calls only when all its three slots wait.
        std::vector<std::pair<ScriptedServer*, int32_t>> rest;
        const auto mine = std::count_if(waiting.begin(), waiting.end(),
                                        [&](const auto& call) { return call.first == &server; });
        if (mine < 3) return;
        for (const auto& call : waiting) {
          if (call.first != &server) {
            rest.push_back(call);
            continue;
          }
          AnswerOk(*call.first, call.second);
          --pending;
        }
        waiting = rest;
      });
  EXPECT_EQ(puts().ok_total, 60u);
  EXPECT_EQ(puts().error_count(), 0u);
  EXPECT_LE(most, 6);
}

TEST_F(LoadTest, AStalledServerShowsInTheLatencyOfEverythingThatWasDue) {
  // The server holds back the first 50 of 1000 operations a second, then answers at once: the first
  // of them has waited 49 ms, the last one almost nothing.
  std::vector<int32_t> held;
  bool stalled = true;
  Run({.connections = 1,
       .streams = 1000,
       .rate = 1000,
       .count = 100,
       .timeout = 10 * kNanosPerSecond},
      [&](ScriptedServer& server, int32_t stream) {
        if (!stalled) return AnswerOk(server, stream);
        held.push_back(stream);
        if (held.size() < 50) return;
        stalled = false;
        for (const int32_t id : held) AnswerOk(server, id);
      });
  EXPECT_EQ(puts().ok_total, 100u);
  EXPECT_GE(puts().latency.max(), 49 * kNanosPerMilli);
  EXPECT_GE(puts().latency.Percentile(75), 20 * kNanosPerMilli);
}

TEST_F(LoadTest, AnOpenLoopWithoutAFreeSlotCountsFromTheIntendedTime) {
  // One slot: the operations due meanwhile cannot even be sent, and still their clock runs.
  int answered = 0;
  int64_t stall_began = 0;
  Run({.connections = 1, .streams = 1, .rate = 1000, .count = 60, .timeout = 10 * kNanosPerSecond},
      [&](ScriptedServer& server, int32_t stream) {
        if (stall_began == 0) stall_began = NowNanos();
        while (answered == 0 && NowNanos() - stall_began < 40 * kNanosPerMilli) continue;
        ++answered;
        AnswerOk(server, stream);
      });
  EXPECT_EQ(puts().ok_total, 60u);
  EXPECT_GE(puts().latency.max(), 40 * kNanosPerMilli);
  EXPECT_GE(puts().latency.Percentile(50), 5 * kNanosPerMilli);
}

TEST_F(LoadTest, ErrorsAreCountedByCode) {
  int call = 0;
  Run({.connections = 1, .streams = 2, .count = 20, .timeout = 10 * kNanosPerSecond},
      [&](ScriptedServer& server, int32_t stream) {
        if (++call % 4 == 0) return server.Finish(stream, kUnavailable, "etcdserver: no leader");
        AnswerOk(server, stream);
      });
  EXPECT_EQ(puts().ok_total, 15u);
  EXPECT_EQ(puts().errors[kUnavailable], 5u);
  EXPECT_EQ(puts().first_error[kUnavailable], "etcdserver: no leader");
}

TEST_F(LoadTest, AnOperationWithoutAnswerIsGivenUpAndCounted) {
  Run({.connections = 1, .streams = 1, .count = 3, .timeout = 30 * kNanosPerMilli},
      [&](ScriptedServer& server, int32_t stream) {
        if (stream != 1) AnswerOk(server, stream);
      });
  EXPECT_EQ(puts().ok_total, 2u);
  EXPECT_EQ(puts().errors[kClientTimeout], 1u);
}

TEST_F(LoadTest, AnAnswerWithoutMessageIsAnError) {
  Run({.connections = 1, .streams = 1, .count = 2, .timeout = kNanosPerSecond},
      [&](ScriptedServer& server, int32_t stream) { server.Finish(stream, 0); });
  EXPECT_EQ(puts().ok_total, 0u);
  EXPECT_EQ(puts().errors[kInternal], 2u);
}

TEST_F(LoadTest, AnUnreachableEndpointEndsTheRunWithAnError) {
  Poller poller;
  options_.mix = {{OpKind::kPut, 1}};
  OpBuilder builder(options_, 0, 1);
  // Port 1 of the loopback is nobody's.
  const std::vector<Endpoint> nowhere = {{"127.0.0.1", 1}};
  LoadDriver driver(
      {.targets = nowhere, .fallbacks = nowhere, .count = 5, .timeout = 50 * kNanosPerMilli},
      &builder, &poller, &stats_);
  driver.Connect();
  RunLoop(poller, {&driver});
  EXPECT_EQ(stats_.error_total(), 1u);
}

}  // namespace
}  // namespace keelson::kvbench
