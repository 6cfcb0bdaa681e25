// etcdserverpb.KV.
#pragma once

#include <memory>
#include <string_view>

#include "server/api/call.h"

namespace etcdserverpb {
class RangeRequest;
class TxnRequest;
}  // namespace etcdserverpb

namespace keelson::server {

class Methods;
class Node;

// Loop thread only; long reads go to the runner's read lane.
class KvService {
 public:
  // `node` outlives the service, the service its calls.
  explicit KvService(Node& node) : node_(node) {}
  void AddTo(Methods& methods);

 private:
  void Range(std::shared_ptr<Call> call, etcdserverpb::RangeRequest request);
  void RangeStream(std::shared_ptr<Call> call, etcdserverpb::RangeRequest request);
  void ReadNow(std::shared_ptr<Call> call, etcdserverpb::RangeRequest request);
  void Txn(std::shared_ptr<Call> call, const etcdserverpb::TxnRequest& request,
           std::string_view bytes);
  void ReadOnlyTxn(std::shared_ptr<Call> call, const etcdserverpb::TxnRequest& request);

  Node& node_;
};

}  // namespace keelson::server
