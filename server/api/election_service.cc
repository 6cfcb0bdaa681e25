#include "server/api/election_service.h"

#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/etcd/rpc.pb.h"
#include "proto/etcd/v3election.pb.h"
#include "server/api/claim.h"
#include "server/api/leader_observer.h"
#include "server/api/methods.h"
#include "server/apply/errors.h"

namespace keelson::server {
namespace {

using CallPtr = std::shared_ptr<Call>;
using etcdserverpb::Compare;
using etcdserverpb::TxnRequest;
using etcdserverpb::TxnResponse;

// A transaction that has an effect only while `leader` leads.
TxnRequest IfLeads(const v3electionpb::LeaderKey& leader) {
  TxnRequest txn;
  Compare* compare = txn.add_compare();
  compare->set_target(Compare::CREATE);
  compare->set_result(Compare::EQUAL);
  compare->set_key(leader.key());
  compare->set_create_revision(leader.rev());
  return txn;
}

void Campaign(LocalClient& client, CallPtr call, const v3electionpb::CampaignRequest& request) {
  Claim::Start(client, std::move(call),
               {.name = request.name(),
                .lease = request.lease(),
                .value = request.value(),
                .change_value = true,
                .lost = errors::ElectionNotLeader()},
               [name = request.name()](Call& won, const Claim::Held& held) {
                 v3electionpb::CampaignResponse response;
                 *response.mutable_header() = held.put;
                 auto* leader = response.mutable_leader();
                 leader->set_name(name);
                 leader->set_key(held.key);
                 leader->set_rev(held.revision);
                 leader->set_lease(held.lease);
                 Answer(won, response);
               });
}

}  // namespace

void ElectionService::AddTo(Methods& methods) {
  methods.AddUnary<v3electionpb::CampaignRequest>(
      "/v3electionpb.Election/Campaign",
      [this](CallPtr call, const v3electionpb::CampaignRequest& request, std::string_view) {
        Campaign(client_, std::move(call), request);
      });
  methods.AddUnary<v3electionpb::ProclaimRequest>(
      "/v3electionpb.Election/Proclaim",
      [this](CallPtr call, const v3electionpb::ProclaimRequest& request, std::string_view) {
        Proclaim(std::move(call), request);
      });
  methods.AddUnary<v3electionpb::ResignRequest>(
      "/v3electionpb.Election/Resign",
      [this](CallPtr call, const v3electionpb::ResignRequest& request, std::string_view) {
        Resign(std::move(call), request);
      });
  AddQuestionsTo(methods);
}

void ElectionService::AddQuestionsTo(Methods& methods) {
  methods.AddUnary<v3electionpb::LeaderRequest>(
      "/v3electionpb.Election/Leader",
      [this](const CallPtr& call, const v3electionpb::LeaderRequest& request, std::string_view) {
        client_.Call<etcdserverpb::RangeResponse>(
            LocalClient::CallerOf(call->context()), "/etcdserverpb.KV/Range",
            OldestKey(absl::StrCat(request.name(), "/")),
            [call](const absl::Status& status, const etcdserverpb::RangeResponse& oldest) {
              if (!status.ok()) return Answer(*call, errors::AsUnknown(status));
              if (oldest.kvs().empty()) return Answer(*call, errors::ElectionNoLeader());
              v3electionpb::LeaderResponse response;
              *response.mutable_header() = oldest.header();
              *response.mutable_kv() = oldest.kvs(0);
              Answer(*call, response);
            });
      });
  methods.Add("/v3electionpb.Election/Observe", Method::Kind::kServerStream,
              [this](CallPtr call, std::string_view bytes) {
                v3electionpb::LeaderRequest request;
                if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
                  return Answer(*call, Undecodable());
                }
                LeaderObserver::Start(client_, std::move(call), request.name());
              });
}

void ElectionService::Proclaim(CallPtr call, const v3electionpb::ProclaimRequest& request) {
  if (!request.has_leader()) return Answer(*call, errors::MissingLeaderKey());
  TxnRequest txn = IfLeads(request.leader());
  auto* put = txn.add_success()->mutable_request_put();
  put->set_key(request.leader().key());
  put->set_value(request.value());
  put->set_lease(request.leader().lease());
  // Whoever does not know its lease keeps it.
  put->set_ignore_lease(request.leader().lease() == 0);
  client_.Call<TxnResponse>(LocalClient::CallerOf(call->context()), "/etcdserverpb.KV/Txn", txn,
                            [call](const absl::Status& status, const TxnResponse& done) {
                              if (!status.ok()) return Answer(*call, errors::AsUnknown(status));
                              if (!done.succeeded())
                                return Answer(*call, errors::ElectionNotLeader());
                              v3electionpb::ProclaimResponse response;
                              *response.mutable_header() = done.header();
                              Answer(*call, response);
                            });
}

void ElectionService::Resign(CallPtr call, const v3electionpb::ResignRequest& request) {
  if (!request.has_leader()) return Answer(*call, errors::MissingLeaderKey());
  TxnRequest txn = IfLeads(request.leader());
  txn.add_success()->mutable_request_delete_range()->set_key(request.leader().key());
  client_.Call<TxnResponse>(LocalClient::CallerOf(call->context()), "/etcdserverpb.KV/Txn", txn,
                            [call](const absl::Status& status, const TxnResponse& done) {
                              if (!status.ok()) return Answer(*call, errors::AsUnknown(status));
                              v3electionpb::ResignResponse response;
                              *response.mutable_header() = done.header();
                              Answer(*call, response);
                            });
}

}  // namespace keelson::server
