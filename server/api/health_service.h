// grpc.health.v1.Health: whether this server serves. Only the server as a whole (the empty name) is
// known, as in etcd. What a member can do is said by /readyz.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string_view>

#include "server/api/call.h"

namespace keelson::server {

class Methods;

// Loop thread only. Outlives its calls.
class HealthService {
 public:
  void AddTo(Methods& methods);

  // The server ends: tells those who watch, and ends their calls.
  void Shutdown();

 private:
  void Check(Call& call, std::string_view service) const;
  void Watch(std::shared_ptr<Call> call, std::string_view service);

  bool serving_ = true;
  uint64_t last_ = 0;
  std::map<uint64_t, std::shared_ptr<Call>> watching_;
};

}  // namespace keelson::server
