// Random requests of every unary kind, valid and invalid, and how they change the world.
#pragma once

#include <string>
#include <variant>

#include "proto/etcd/rpc.pb.h"
#include "proto/etcd/v3election.pb.h"
#include "proto/etcd/v3lock.pb.h"
#include "tests/differential/random.h"
#include "tests/differential/world.h"

namespace keelson::differential {

using Request = std::variant<
    etcdserverpb::RangeRequest, etcdserverpb::PutRequest, etcdserverpb::DeleteRangeRequest,
    etcdserverpb::TxnRequest, etcdserverpb::CompactionRequest, etcdserverpb::LeaseGrantRequest,
    etcdserverpb::LeaseRevokeRequest, etcdserverpb::LeaseTimeToLiveRequest,
    etcdserverpb::LeaseLeasesRequest, etcdserverpb::LeaseKeepAliveRequest, v3lockpb::LockRequest,
    v3lockpb::UnlockRequest, v3electionpb::CampaignRequest, v3electionpb::ProclaimRequest,
    v3electionpb::LeaderRequest, v3electionpb::ResignRequest, etcdserverpb::MemberListRequest,
    etcdserverpb::MemberAddRequest, etcdserverpb::MemberRemoveRequest,
    etcdserverpb::MemberPromoteRequest, etcdserverpb::MemberUpdateRequest,
    etcdserverpb::StatusRequest, etcdserverpb::AlarmRequest, etcdserverpb::HashRequest,
    etcdserverpb::HashKVRequest, etcdserverpb::DefragmentRequest, etcdserverpb::MoveLeaderRequest>;

// Any request, by weights.
Request RandomRequest(Random& random, const World& world);

// A put, a deletion or a transaction.
Request RandomWrite(Random& random, const World& world);

etcdserverpb::RangeRequest RandomRange(Random& random, const World& world);
etcdserverpb::PutRequest RandomPut(Random& random, const World& world);
etcdserverpb::DeleteRangeRequest RandomDelete(Random& random);

// A revision to read at: mostly the present, else kept, dropped and future ones.
int64_t RandomRevision(Random& random, const World& world);

// A lease that exists, mostly; else one that does not. 0 if there is none at all.
int64_t RandomLease(Random& random, const World& world);

// Whether the server picks an id for what the request makes.
bool NamesAnId(const Request& request);

// The request's type and fields, for people.
std::string Describe(const Request& request);

}  // namespace keelson::differential
