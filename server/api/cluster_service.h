// etcdserverpb.Cluster, as far as it is served yet.
#pragma once

#include <memory>

#include "server/api/call.h"

namespace keelson::server {

class Methods;
class Node;

// Loop thread only. `node` outlives the service, it its calls.
class ClusterService {
 public:
  explicit ClusterService(Node& node) : node_(node) {}
  void AddTo(Methods& methods);

 private:
  void List(Call& call);
  Node& node_;
};

}  // namespace keelson::server
