// v3electionpb.Election: elections for clients that can't hold one themselves.
#pragma once

#include <memory>

#include "server/api/call.h"
#include "server/api/local_client.h"

namespace v3electionpb {
class ProclaimRequest;
class ResignRequest;
}  // namespace v3electionpb

namespace keelson::server {

class Methods;

// Loop thread only.
class ElectionService {
 public:
  // `client` calls this member, outlives the service, and the service its calls.
  explicit ElectionService(LocalClient& client) : client_(client) {}
  void AddTo(Methods& methods);

 private:
  void AddQuestionsTo(Methods& methods);
  void Proclaim(std::shared_ptr<Call> call, const v3electionpb::ProclaimRequest& request);
  void Resign(std::shared_ptr<Call> call, const v3electionpb::ResignRequest& request);

  LocalClient& client_;
};

}  // namespace keelson::server
