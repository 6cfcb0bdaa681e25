// etcdserverpb.Cluster, as far as it is served yet.
#pragma once

#include <memory>

#include "server/api/call.h"

namespace etcdserverpb {
class MemberAddRequest;
class MemberUpdateRequest;
}  // namespace etcdserverpb

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
  void Add(std::shared_ptr<Call> call, const etcdserverpb::MemberAddRequest& request);
  void Update(std::shared_ptr<Call> call, const etcdserverpb::MemberUpdateRequest& request);
  Node& node_;
};

}  // namespace keelson::server
