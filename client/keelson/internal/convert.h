// Between the library's values and the wire's messages. Nothing is decided here.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "client/keelson/kv_types.h"
#include "client/keelson/txn.h"
#include "proto/etcd/rpc.pb.h"

namespace keelson::client::internal {

Header ToHeader(const etcdserverpb::ResponseHeader& header);
KeyValue ToKeyValue(const mvccpb::KeyValue& kv);

etcdserverpb::RangeRequest ToWire(const KeyRange& range, const GetOptions& options);
etcdserverpb::PutRequest ToWire(const std::string& key, const std::string& value,
                                const PutOptions& options);
etcdserverpb::DeleteRangeRequest ToWire(const KeyRange& range, const DeleteOptions& options);
etcdserverpb::TxnRequest ToWire(const Txn& txn);

GetResult ToResult(const etcdserverpb::RangeResponse& response);
PutResult ToResult(const etcdserverpb::PutResponse& response);
DeleteResult ToResult(const etcdserverpb::DeleteRangeResponse& response);
TxnResult ToResult(const etcdserverpb::TxnResponse& response);

// The answer's body as a Message. A body that does not parse comes from no etcd-compatible server.
template <typename Message>
absl::StatusOr<Message> ParseAnswer(const std::string& body);

// The failure of ParseAnswer: the call was answered, its effect is unknown.
absl::Status UnreadableAnswer(const std::string& message_name);

template <typename Message>
absl::StatusOr<Message> ParseAnswer(const std::string& body) {
  Message message;
  if (!message.ParseFromString(body)) return UnreadableAnswer(message.GetTypeName());
  return message;
}

}  // namespace keelson::client::internal
