// Everything that kvd answers over plain HTTP, wired: the pages, the JSON gateway, what stands
// before both on the client port, and the listeners for monitoring.
#pragma once

#include <cstddef>
#include <memory>

#include "absl/status/status.h"
#include "server/api/gateway.h"
#include "server/api/http_endpoints.h"
#include "server/api/http_port.h"
#include "server/kvd/flags.h"
#include "server/kvd/monitor.h"
#include "server/log/logger.h"

namespace keelson::server {

// Loop thread only.
class HttpSide {
 public:
  // Everything outlives it.
  struct World {
    Loop& loop;
    Runner& runner;
    const Logger& logger;
    Node& node;
    const MethodTable& methods;
    size_t max_message_bytes;  // of a request
    CallTimes* call_times;     // null: nobody counts them
  };

  HttpSide(const KvdFlags& flags, const World& world, NodeEndpoints::Pages pages);

  HttpEndpoints& client_port() { return client_port_; }
  const HealthCounts& health_counts() const { return pages_.health_counts(); }

  // Listens where --listen-metrics-urls says. The error names the flag. REQUIRES: once.
  absl::Status StartMonitor();

 private:
  const KvdFlags& flags_;
  const World world_;
  NodeEndpoints pages_;
  Gateway gateway_;
  HttpPort client_port_;
  std::unique_ptr<Monitor> monitor_;
};

}  // namespace keelson::server
