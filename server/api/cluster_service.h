// etcdserverpb.Cluster and etcdserverpb.Maintenance, as far as they are served yet.
#pragma once

#include <memory>

#include "server/api/call.h"

namespace keelson::server {

class Methods;
class Node;

// Loop thread only. `node` outlives the services, they their calls.
class ClusterService {
 public:
  explicit ClusterService(Node& node) : node_(node) {}
  void AddTo(Methods& methods);

 private:
  void List(Call& call);
  Node& node_;
};

class MaintenanceService {
 public:
  explicit MaintenanceService(Node& node) : node_(node) {}
  void AddTo(Methods& methods);

 private:
  void Status(Call& call);
  Node& node_;
};

}  // namespace keelson::server
