// What /livez and /readyz ask of a member.
//
//   /livez    serializable_read
//   /readyz   data_corruption, serializable_read, linearizable_read, non_learner
//
// A loop that does not turn answers nothing; who asks on --listen-metrics-urls is told so by
// another thread (server/kvd/monitor.h).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/node/seams.h"

namespace keelson::server {

class Node;

// Of /livez (`ready` false) or /readyz, in the order in which they are made.
std::span<const std::string_view> HealthCheckNames(bool ready);

// A log write that takes longer than this counts as a disk that hangs.
inline constexpr Duration kDiskHangs = std::chrono::seconds(5);

struct HealthReport {
  bool ok = true;
  std::string lines;  // "[+]name ok\n" or "[-]name failed: why\n" for each
};

// Makes the checks one after the other, then calls `done`. Loop thread only; `node` outlives it.
void RunHealthChecks(Node& node, std::vector<std::string_view> names,
                     std::function<void(const HealthReport&)> done);

}  // namespace keelson::server
