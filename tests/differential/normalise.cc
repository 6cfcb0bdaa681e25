#include "tests/differential/normalise.h"

#include <algorithm>
#include <string>
#include <vector>

#include "proto/etcd/rpc.pb.h"
#include "tests/differential/world.h"

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

// What a member says of itself: its sizes, versions and places in the log are its own.
void NormaliseStatus(etcdserverpb::StatusResponse& status) {
  etcdserverpb::StatusResponse kept;
  *kept.mutable_header() = status.header();
  kept.set_leader(status.leader() != 0);
  kept.set_islearner(status.islearner());
  *kept.mutable_errors() = status.errors();
  status = kept;
}

// Added ones have the driver's names by now.
void NormaliseMember(etcdserverpb::Member& member) {
  const auto id = static_cast<int64_t>(member.id());
  if (id < World::kFirstHandle || id > World::kFirstHandle + 1000000) member.set_id(id != 0);
  for (std::string& url : *member.mutable_peerurls()) url = "url";
  for (std::string& url : *member.mutable_clienturls()) url = "url";
}

template <typename Response>
void NormaliseMembers(Message& message) {
  auto* response = dynamic_cast<Response*>(&message);
  if (response == nullptr) return;
  for (etcdserverpb::Member& member : *response->mutable_members()) NormaliseMember(member);
  // By their ids, which each cluster has its own of.
  std::sort(response->mutable_members()->pointer_begin(),
            response->mutable_members()->pointer_end(),
            [](const auto* a, const auto* b) { return a->id() < b->id(); });
}

}  // namespace

void Normalise(const IdNames& names, Message& response) {
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
  if (auto* status = dynamic_cast<etcdserverpb::StatusResponse*>(&response)) {
    NormaliseStatus(*status);
  }
  NormaliseMembers<etcdserverpb::MemberListResponse>(response);
  NormaliseMembers<etcdserverpb::MemberAddResponse>(response);
  NormaliseMembers<etcdserverpb::MemberRemoveResponse>(response);
  NormaliseMembers<etcdserverpb::MemberUpdateResponse>(response);
  if (auto* added = dynamic_cast<etcdserverpb::MemberAddResponse*>(&response)) {
    NormaliseMember(*added->mutable_member());
  }
  // The values are a server's own, and 3.4 does not tell the revision.
  if (auto* hash = dynamic_cast<etcdserverpb::HashKVResponse*>(&response)) {
    hash->clear_hash();
    hash->clear_hash_revision();
  }
  if (auto* hash = dynamic_cast<etcdserverpb::HashResponse*>(&response)) hash->clear_hash();
}

}  // namespace keelson::differential
