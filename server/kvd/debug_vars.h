// The page /debug/vars.
#pragma once

#include <string>

namespace keelson::server {

class Node;

// A JSON object with what etcd's tools look for there. Loop thread only.
std::string DebugVarsText(const Node& node);

}  // namespace keelson::server
