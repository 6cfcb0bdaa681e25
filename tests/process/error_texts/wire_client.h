// A plain client of one member that puts every status down as text, "3: etcdserver: ...", and the
// table of the texts that clients must be able to meet.
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <set>
#include <string>

#include "proto/etcd/rpc.grpc.pb.h"
#include "proto/etcd/v3election.grpc.pb.h"
#include "proto/etcd/v3lock.grpc.pb.h"

namespace keelson::testing {

std::string Text(const grpc::Status& status);
inline const std::string kOk = "0: ";

// Every error of server/apply/errors.h, as text.
const std::set<std::string>& ErrorTexts();

// Notes that a client has met `text`. When all tests of the program have run, each of ErrorTexts
// must have been noted.
void Meet(const std::string& text);

// The same over the JSON gateway.
void MeetAsJson(const std::string& text);

// Whether each unary call is made as JSON, too, which must come to the same: after one that failed,
// or at the same time, which calls that take long or change the cluster's state need.
enum class AlsoJson { kAfterAnError, kAtTheSameTime };

// Not thread-safe but for Call and the overloads of Send.
class WireClient {
 public:
  explicit WireClient(const std::string& endpoint, AlsoJson also_json = AlsoJson::kAfterAnError);

  // The status of one unary call over the JSON gateway, as text. Its HTTP status must fit the code.
  // `fields` are further header lines, each with its CRLF.
  std::string CallAsJson(const google::protobuf::Message& request, const std::string& fields = "");

  static void Prepare(grpc::ClientContext& context);

  // The status of one unary call, as text; with the metadata `hasleader: true` if asked for.
  template <typename Stub, typename Request, typename Response>
  std::string Call(Stub& stub,
                   grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                   const Request& request, bool require_leader = false,
                   Response* response = nullptr) {
    grpc::ClientContext context;
    Prepare(context);
    if (require_leader) context.AddMetadata("hasleader", "true");
    const std::string fields = require_leader ? "Grpc-Metadata-hasleader: true\r\n" : "";
    std::future<std::string> besides;
    if (also_json_ == AlsoJson::kAtTheSameTime) {
      besides = std::async(std::launch::async, [&] { return CallAsJson(request, fields); });
    }
    Response own;
    const std::string text =
        Text((stub.*method)(&context, request, response != nullptr ? response : &own));
    Meet(text);
    if (besides.valid()) {
      EXPECT_EQ(besides.get(), text);
    } else if (text != kOk) {
      EXPECT_EQ(CallAsJson(request, fields), text);
    }
    return text;
  }
  std::string Send(const etcdserverpb::RangeRequest& request) {
    return Call(*kv, &etcdserverpb::KV::Stub::Range, request);
  }
  std::string Send(const etcdserverpb::PutRequest& request) {
    return Call(*kv, &etcdserverpb::KV::Stub::Put, request);
  }
  std::string Send(const etcdserverpb::DeleteRangeRequest& request) {
    return Call(*kv, &etcdserverpb::KV::Stub::DeleteRange, request);
  }
  std::string Send(const etcdserverpb::TxnRequest& request) {
    return Call(*kv, &etcdserverpb::KV::Stub::Txn, request);
  }
  std::string Send(const etcdserverpb::CompactionRequest& request) {
    return Call(*kv, &etcdserverpb::KV::Stub::Compact, request);
  }
  std::string Send(const etcdserverpb::LeaseGrantRequest& request) {
    return Call(*lease, &etcdserverpb::Lease::Stub::LeaseGrant, request);
  }
  std::string Send(const etcdserverpb::LeaseRevokeRequest& request) {
    return Call(*lease, &etcdserverpb::Lease::Stub::LeaseRevoke, request);
  }
  std::string Send(const etcdserverpb::LeaseTimeToLiveRequest& request) {
    return Call(*lease, &etcdserverpb::Lease::Stub::LeaseTimeToLive, request);
  }
  std::string Send(const etcdserverpb::LeaseLeasesRequest& request) {
    return Call(*lease, &etcdserverpb::Lease::Stub::LeaseLeases, request);
  }
  std::string Send(const etcdserverpb::MemberListRequest& request) {
    return Call(*cluster, &etcdserverpb::Cluster::Stub::MemberList, request);
  }
  std::string Send(const etcdserverpb::MemberAddRequest& request,
                   etcdserverpb::MemberAddResponse* response = nullptr) {
    return Call(*cluster, &etcdserverpb::Cluster::Stub::MemberAdd, request, false, response);
  }
  std::string Send(const etcdserverpb::MemberRemoveRequest& request) {
    return Call(*cluster, &etcdserverpb::Cluster::Stub::MemberRemove, request);
  }
  std::string Send(const etcdserverpb::MemberUpdateRequest& request) {
    return Call(*cluster, &etcdserverpb::Cluster::Stub::MemberUpdate, request);
  }
  std::string Send(const etcdserverpb::MemberPromoteRequest& request) {
    return Call(*cluster, &etcdserverpb::Cluster::Stub::MemberPromote, request);
  }
  std::string Send(const etcdserverpb::AlarmRequest& request) {
    return Call(*maintenance, &etcdserverpb::Maintenance::Stub::Alarm, request);
  }
  std::string Send(const etcdserverpb::StatusRequest& request) {
    return Call(*maintenance, &etcdserverpb::Maintenance::Stub::Status, request);
  }
  // The same for an open stream's end.
  template <typename Stream>
  std::string EndOf(Stream& stream) {
    const std::string text = Text(stream.Finish());
    Meet(text);
    return text;
  }

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  void set_also_json(AlsoJson also_json) { also_json_ = also_json; }

 private:
  AlsoJson also_json_;
  const int port_;
  std::shared_ptr<grpc::Channel> channel_;

 public:
  const std::unique_ptr<etcdserverpb::KV::Stub> kv;
  const std::unique_ptr<etcdserverpb::Lease::Stub> lease;
  const std::unique_ptr<etcdserverpb::Watch::Stub> watch;
  const std::unique_ptr<etcdserverpb::Cluster::Stub> cluster;
  const std::unique_ptr<etcdserverpb::Maintenance::Stub> maintenance;
  const std::unique_ptr<v3lockpb::Lock::Stub> lock;
  const std::unique_ptr<v3electionpb::Election::Stub> election;
};

etcdserverpb::PutRequest PutOf(const std::string& key, const std::string& value = "v");
etcdserverpb::RangeRequest RangeOf(const std::string& key, int64_t revision = 0);
etcdserverpb::RangeRequest SerializableRangeOf(const std::string& key);

inline const std::string kEmptyKey = "3: etcdserver: key is not provided";
inline const std::string kKeyNotFound = "3: etcdserver: key not found";
inline const std::string kValueProvided = "3: etcdserver: value is provided";
inline const std::string kLeaseProvided = "3: etcdserver: lease is provided";
inline const std::string kTooManyOps = "3: etcdserver: too many operations in txn request";
inline const std::string kDuplicateKey = "3: etcdserver: duplicate key given in txn request";
inline const std::string kInvalidSort = "3: etcdserver: invalid sort option";
inline const std::string kInvalidVersion = "3: etcdserver: invalid client api version";
inline const std::string kTooLarge = "3: etcdserver: request is too large";
inline const std::string kCompacted = "11: etcdserver: mvcc: required revision has been compacted";
inline const std::string kFuture = "11: etcdserver: mvcc: required revision is a future revision";
inline const std::string kTtlTooLarge = "11: etcdserver: too large lease TTL";
inline const std::string kNoSpace = "8: etcdserver: mvcc: database space exceeded";
inline const std::string kTooManyRequests = "8: etcdserver: too many requests";
inline const std::string kLeaseNotFound = "5: etcdserver: requested lease not found";
inline const std::string kLeaseExists = "9: etcdserver: lease already exists";
inline const std::string kNotForLearners = "9: etcdserver: rpc not supported for learner";
inline const std::string kNotLeader = "9: etcdserver: not leader";
inline const std::string kBadTransferee = "9: etcdserver: bad leader transferee";
inline const std::string kDowngradeFormat = "3: etcdserver: wrong downgrade target version format";
inline const std::string kDowngradeVersion = "3: etcdserver: invalid downgrade target version";
inline const std::string kTransferTimedOut =
    "2: etcdserver: request timed out, leader transfer took too long";
inline const std::string kUnknownMethod = "2: etcdserver: unknown method";
inline const std::string kNoStreamInThisOrder =
    "12: RangeStream does not support custom sort orders";
inline const std::string kNoStreamOfSomeRevisions =
    "12: RangeStream does not support revision filters";
inline const std::string kSessionExpired = "2: mutex: session is expired";
inline const std::string kElectionNotLeader = "2: election: not leader";
inline const std::string kElectionNoLeader = "2: election: no leader";
inline const std::string kMissingLeaderKey = "2: \"leader\" field must be provided";
inline const std::string kBadUrls = "3: etcdserver: given member URLs are invalid";
inline const std::string kMemberNotFound = "5: etcdserver: member not found";
inline const std::string kUrlsExist = "9: etcdserver: Peer URLs already exists";
inline const std::string kNotEnoughStarted =
    "9: etcdserver: re-configuration failed due to not enough started members";
inline const std::string kNotLearner = "9: etcdserver: can only promote a learner member";
inline const std::string kNotInSync =
    "9: etcdserver: can only promote a learner member which is in sync with leader";
inline const std::string kTooManyLearners = "9: etcdserver: too many learner members in cluster";
inline const std::string kUnhealthy = "14: etcdserver: unhealthy cluster";
inline const std::string kNoLeader = "14: etcdserver: no leader";
inline const std::string kStopped = "14: etcdserver: server stopped";
inline const std::string kTimedOut = "14: etcdserver: request timed out";
inline const std::string kLeaderFailed =
    "14: etcdserver: request timed out, possibly due to previous leader failure";
inline const std::string kConnectionLost =
    "14: etcdserver: request timed out, possibly due to connection lost";
inline const std::string kCorrupt = "15: etcdserver: corrupt cluster";

}  // namespace keelson::testing
