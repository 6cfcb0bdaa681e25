#include "client/keelson/lease.h"

#include <utility>

#include "client/keelson/internal/ask.h"
#include "client/keelson/internal/keep_alive_session.h"
#include "client/keelson/internal/view.h"

namespace keelson::client {
namespace {

using internal::Await;
using internal::Effect;

template <typename Response, typename Convert>
auto Ask(const std::shared_ptr<internal::Core>& core, const char* method, Effect effect,
         const google::protobuf::MessageLite& request, const CallOptions& call, Convert convert) {
  return internal::Ask<Response>(core, std::string("/etcdserverpb.Lease/") + method, effect,
                                 request, call, std::move(convert));
}

// A read whose answer is as fresh as the member says.
template <typename Response, typename Convert>
auto AskMember(const std::shared_ptr<internal::Core>& core, const char* method,
               const google::protobuf::MessageLite& request, const CallOptions& call,
               int64_t seen_revision, Convert convert) {
  return internal::AskRead<Response>(core,
                                     {.method = std::string("/etcdserverpb.Lease/") + method,
                                      .body = request.SerializeAsString(),
                                      .linearizable = false,
                                      .timeout = call.timeout,
                                      .options = call.read,
                                      .seen_revision = seen_revision},
                                     std::move(convert));
}

}  // namespace

Leases::Leases(std::shared_ptr<internal::Core> core)
    : Leases(std::move(core), internal::PlainView()) {}

Leases::Leases(std::shared_ptr<internal::Core> core, std::shared_ptr<const internal::View> view)
    : core_(std::move(core)), view_(std::move(view)) {}

Future<LeaseGrantResult> Leases::GrantAsync(int64_t ttl, int64_t id,
                                            const CallOptions& call) const {
  etcdserverpb::LeaseGrantRequest request;
  request.set_ttl(ttl);
  request.set_id(id);
  const std::chrono::steady_clock::time_point asked_at(
      absl::ToChronoNanoseconds(core_->scheduler().Now()));
  return Ask<etcdserverpb::LeaseGrantResponse>(
      core_, "LeaseGrant", Effect::kWrites, request, call,
      [asked_at](const etcdserverpb::LeaseGrantResponse& response) {
        return LeaseGrantResult{.header = internal::ToHeader(response.header()),
                                .id = response.id(),
                                .ttl = response.ttl(),
                                .asked_at = asked_at};
      });
}

Future<LeaseRevokeResult> Leases::RevokeAsync(int64_t id, const CallOptions& call) const {
  etcdserverpb::LeaseRevokeRequest request;
  request.set_id(id);
  return Ask<etcdserverpb::LeaseRevokeResponse>(
      core_, "LeaseRevoke", Effect::kWrites, request, call,
      [view = view_](const etcdserverpb::LeaseRevokeResponse& response) {
        view->Saw(response.header().revision());
        return LeaseRevokeResult{internal::ToHeader(response.header())};
      });
}

Future<LeaseRenewResult> Leases::RenewOnceAsync(int64_t id, const CallOptions& call) const {
  etcdserverpb::LeaseKeepAliveRequest request;
  request.set_id(id);
  // The stream's wire form with one request and one answer is that of a unary call. Renewing twice
  // does no harm, so it is retried like a read.
  return Ask<etcdserverpb::LeaseKeepAliveResponse>(
      core_, "LeaseKeepAlive", Effect::kReads, request, call,
      [](const etcdserverpb::LeaseKeepAliveResponse& response) {
        return LeaseRenewResult{.header = internal::ToHeader(response.header()),
                                .id = response.id(),
                                .ttl = response.ttl()};
      });
}

Future<LeaseTtlResult> Leases::TimeToLiveAsync(int64_t id, const LeaseTtlOptions& options,
                                               const CallOptions& call) const {
  etcdserverpb::LeaseTimeToLiveRequest request;
  request.set_id(id);
  request.set_keys(options.keys);
  return AskMember<etcdserverpb::LeaseTimeToLiveResponse>(
      core_, "LeaseTimeToLive", request, call, view_->seen(),
      [view = view_](etcdserverpb::LeaseTimeToLiveResponse& response) {
        internal::Leave(*view, response);
        return LeaseTtlResult{.header = internal::ToHeader(response.header()),
                              .id = response.id(),
                              .ttl = response.ttl(),
                              .granted_ttl = response.grantedttl(),
                              .keys = {response.keys().begin(), response.keys().end()}};
      });
}

Future<LeaseListResult> Leases::ListAsync(const CallOptions& call) const {
  return AskMember<etcdserverpb::LeaseLeasesResponse>(
      core_, "LeaseLeases", etcdserverpb::LeaseLeasesRequest(), call, view_->seen(),
      [view = view_](const etcdserverpb::LeaseLeasesResponse& response) {
        LeaseListResult result{.header = internal::ToHeader(response.header())};
        for (const auto& lease : response.leases()) result.ids.push_back(lease.id());
        view->Saw(result.header.revision);
        return result;
      });
}

absl::StatusOr<LeaseGrantResult> Leases::Grant(int64_t ttl, int64_t id,
                                               const CallOptions& call) const {
  return Await(core_, [&] { return GrantAsync(ttl, id, call); });
}

absl::StatusOr<LeaseRevokeResult> Leases::Revoke(int64_t id, const CallOptions& call) const {
  return Await(core_, [&] { return RevokeAsync(id, call); });
}

absl::StatusOr<LeaseRenewResult> Leases::RenewOnce(int64_t id, const CallOptions& call) const {
  return Await(core_, [&] { return RenewOnceAsync(id, call); });
}

absl::StatusOr<LeaseTtlResult> Leases::TimeToLive(int64_t id, const LeaseTtlOptions& options,
                                                  const CallOptions& call) const {
  return Await(core_, [&] { return TimeToLiveAsync(id, options, call); });
}

absl::StatusOr<LeaseListResult> Leases::List(const CallOptions& call) const {
  return Await(core_, [&] { return ListAsync(call); });
}

std::unique_ptr<LeaseKeeper> Leases::KeepAlive(int64_t id, LeaseKeeperOptions options) const {
  return KeepAlive(LeaseGrantResult{.id = id}, std::move(options));
}

std::unique_ptr<LeaseKeeper> Leases::KeepAlive(const LeaseGrantResult& granted,
                                               LeaseKeeperOptions options) const {
  auto session = std::make_shared<internal::KeepAliveSession>(core_, granted, std::move(options));
  session->Start();
  return std::make_unique<LeaseKeeper>(std::move(session));
}

LeaseKeeper::LeaseKeeper(std::shared_ptr<internal::KeepAliveSession> session)
    : session_(std::move(session)) {}

LeaseKeeper::~LeaseKeeper() { session_->Stop(); }

int64_t LeaseKeeper::id() const { return session_->id(); }

absl::Status LeaseKeeper::Lost() const { return session_->lost(); }

bool LeaseKeeper::WaitLost(absl::Duration timeout) const { return session_->WaitLost(timeout); }

absl::Duration LeaseKeeper::Remaining() const { return session_->Remaining(); }

}  // namespace keelson::client
