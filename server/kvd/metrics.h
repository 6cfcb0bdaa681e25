// The text of /metrics.
#pragma once

#include <string>

#include "server/rpc/options.h"

namespace keelson::server {

class Node;
class AsioPeerNetwork;

// Prometheus' text format, with the names that etcd's dashboards read.
std::string MetricsText(Node& node, const FrontEndStats& front_end, const AsioPeerNetwork& peers);

}  // namespace keelson::server
