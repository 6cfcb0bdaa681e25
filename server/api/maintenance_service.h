// etcdserverpb.Maintenance, but for Snapshot.
#pragma once

#include <memory>

#include "server/api/call.h"

namespace keelson::server {

class Methods;
class Node;

// Loop thread only. `node` outlives the service, it its calls.
class MaintenanceService {
 public:
  explicit MaintenanceService(Node& node) : node_(node) {}
  void AddTo(Methods& methods);

 private:
  void AddHashes(Methods& methods);
  void AddMoves(Methods& methods);
  void Status(Call& call);
  void Snapshot(std::shared_ptr<Call> call);
  Node& node_;
};

}  // namespace keelson::server
