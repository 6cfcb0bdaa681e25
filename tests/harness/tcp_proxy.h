// A way between a client and a server that a test can cut: bytes wait on both sides, connections
// stay open, and all goes on where it was once it is healed.
#pragma once

#include <atomic>
#include <list>
#include <thread>
#include <utility>
#include <vector>

namespace keelson::testing {

// Loopback ports, each forwarded to another. Thread-safe.
class TcpProxy {
 public:
  // Pairs of the port to listen on and the server's. Ends the process where that is not possible.
  explicit TcpProxy(const std::vector<std::pair<int, int>>& ports);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  void Cut() { SetOpen(false); }
  void Heal() { SetOpen(true); }
  // Closes all connections, with what is on its way; new ones are as welcome as before.
  void Break();

 private:
  struct Listener {
    int socket;
    int target;
  };
  // The two ends of a connection, and what each has sent and the other has not taken.
  struct Link;

  void SetOpen(bool open);
  void Wake();
  void Run();
  void Accept(const Listener& listener);

  std::vector<Listener> listeners_;
  std::list<Link> links_;
  std::atomic<bool> open_{true};
  std::atomic<bool> break_{false};
  std::atomic<bool> ended_{false};
  int wake_[2] = {-1, -1};
  std::thread thread_;
};

}  // namespace keelson::testing
