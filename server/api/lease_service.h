// etcdserverpb.Lease.
#pragma once

#include <memory>
#include <string_view>

#include "server/api/call.h"

namespace etcdserverpb {
class LeaseGrantRequest;
class LeaseTimeToLiveRequest;
class LeaseTimeToLiveResponse;
}  // namespace etcdserverpb

namespace keelson::server {

class Methods;
class Node;

// Loop thread only.
class LeaseService {
 public:
  // `node` outlives the service, the service its calls.
  explicit LeaseService(Node& node) : node_(node) {}
  void AddTo(Methods& methods);

 private:
  void Grant(const std::shared_ptr<Call>& call, etcdserverpb::LeaseGrantRequest request,
             std::string_view asked);
  void KeepAlive(std::shared_ptr<Call> call);
  void TimeToLive(std::shared_ptr<Call> call, const etcdserverpb::LeaseTimeToLiveRequest& request);
  void AddKeys(std::shared_ptr<Call> call, const etcdserverpb::LeaseTimeToLiveResponse& response);
  void List(std::shared_ptr<Call> call);

  Node& node_;
};

}  // namespace keelson::server
