// v3lockpb.Lock: locks for clients that can't wait for one themselves.
#pragma once

#include "server/api/local_client.h"

namespace keelson::server {

class Methods;

// Loop thread only.
class LockService {
 public:
  // `client` calls this member, outlives the service, and the service its calls.
  explicit LockService(LocalClient& client) : client_(client) {}
  void AddTo(Methods& methods);

 private:
  LocalClient& client_;
};

}  // namespace keelson::server
