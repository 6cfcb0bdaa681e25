// The text of /metrics.
#pragma once

#include <string>

#include "server/rpc/options.h"

namespace keelson::server {

class Node;
class Methods;
class AsioPeerNetwork;
class CallTimes;
class Observed;
struct HealthCounts;

// What is counted where. Loop thread only.
struct MetricsSources {
  Node& node;
  const Methods& methods;
  const FrontEndStats& front_end;
  const AsioPeerNetwork& peers;
  const HealthCounts& health;
  const Observed& observed;
  const CallTimes& call_times;
};

// Asks for the times of calls that the page always shows.
void WantFiguresOfMetrics(const Methods& methods, CallTimes* times);

// Prometheus' text format, with the names that etcd's dashboards read. What differs in meaning is
// in server/kvd/README.md.
std::string MetricsText(const MetricsSources& sources);

}  // namespace keelson::server
