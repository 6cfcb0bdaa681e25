// Requests from bytes: small keys, values and revisions, so that they meet each other, or any bytes
// that protobuf takes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "proto/etcd/rpc.pb.h"

namespace keelson::server {

// Closes the store and opens it again.
struct Reopening {};

// Raises or clears one of the alarms.
struct AlarmSwitch {
  bool active = false;
  etcdserverpb::AlarmType alarm = etcdserverpb::NONE;
};

using FuzzRequest = std::variant<etcdserverpb::RangeRequest, etcdserverpb::PutRequest,
                                 etcdserverpb::DeleteRangeRequest, etcdserverpb::TxnRequest,
                                 etcdserverpb::CompactionRequest, etcdserverpb::LeaseGrantRequest,
                                 etcdserverpb::LeaseRevokeRequest, AlarmSwitch, Reopening>;

class FuzzInput {
 public:
  explicit FuzzInput(std::string_view bytes) : bytes_(bytes) {}
  bool done() const { return bytes_.empty(); }

  // The next request, to a store at `revision`; uses up at least one byte.
  FuzzRequest Next(int64_t revision);

 private:
  uint8_t Byte();
  bool OneIn(uint8_t n) { return Byte() % n == 0; }
  std::string Key();
  std::string RangeEnd();
  // Mostly one of 0 to `most`, sometimes an extreme one.
  int64_t Number(int64_t most);
  // Mostly one of the last, sometimes a future or an extreme one.
  int64_t Revision();
  void AddFilters(etcdserverpb::RangeRequest* request);
  template <typename Request>
  Request AnyBytes();
  FuzzRequest Rare();

  etcdserverpb::RangeRequest Range();
  etcdserverpb::PutRequest Put();
  etcdserverpb::DeleteRangeRequest Delete();
  etcdserverpb::Compare Compare();
  etcdserverpb::RequestOp Op(int depth);
  etcdserverpb::TxnRequest Txn(int depth);

  std::string_view bytes_;
  int64_t now_ = 0;
};

}  // namespace keelson::server
