#include "tests/differential/normalise.h"

#include <algorithm>
#include <string>
#include <vector>

#include "proto/etcd/rpc.pb.h"

namespace keelson::differential {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

void ClearIds(etcdserverpb::ResponseHeader& header) {
  header.clear_cluster_id();
  header.clear_member_id();
  header.clear_raft_term();
}

// Finds the headers at any depth.
void ClearHeaders(Message& message) {
  if (auto* header = dynamic_cast<etcdserverpb::ResponseHeader*>(&message)) {
    return ClearIds(*header);
  }
  const auto& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      ClearHeaders(*reflection.MutableMessage(&message, field));
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      ClearHeaders(*reflection.MutableRepeatedMessage(&message, field, i));
    }
  }
}

}  // namespace

void Normalise(const LeaseNames& names, Message& response) {
  names.ToDriver(response);
  ClearHeaders(response);
  if (auto* ttl = dynamic_cast<etcdserverpb::LeaseTimeToLiveResponse*>(&response)) {
    ttl->set_ttl(std::min<int64_t>(ttl->ttl(), 1));
    std::sort(ttl->mutable_keys()->begin(), ttl->mutable_keys()->end());
  }
  if (auto* list = dynamic_cast<etcdserverpb::LeaseLeasesResponse*>(&response)) {
    std::sort(list->mutable_leases()->pointer_begin(), list->mutable_leases()->pointer_end(),
              [](const auto* a, const auto* b) { return a->id() < b->id(); });
  }
}

}  // namespace keelson::differential
