// The listeners of --listen-metrics-urls: health and metrics, on a thread that no work of the
// member can hold up.
//
//   monitor's loop --the request--> main loop --the answer--> monitor's loop --> client
//        | not taken up in time, or not answered: 503 from here
//
// So a main loop that hangs fails every probe, instead of leaving it to the prober's own patience.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/api/http.h"
#include "server/node/seams.h"

namespace keelson::server {

class Monitor {
 public:
  struct Patience {
    // Until the main loop begins with a request; a healthy one does within some milliseconds.
    Duration take_up = std::chrono::seconds(2);
    // Until it has answered: longer than a linearizable read may take.
    Duration answer = std::chrono::seconds(10);
  };

  // `main` and `endpoints`, which is called on it, outlive the monitor; what `main` still holds of
  // it is harmless, but must not run once the monitor is gone.
  Monitor(Loop& main, HttpEndpoints& endpoints, Patience patience);
  Monitor(Loop& main, HttpEndpoints& endpoints) : Monitor(main, endpoints, Patience()) {}
  // Stops its thread; blocks.
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  // "host:port", before Start. The error names the endpoint.
  absl::Status Listen(std::string_view endpoint);
  std::vector<std::string> addresses() const;
  void Start();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keelson::server
