#include "client/keelson/maintenance.h"

#include "client/keelson/internal/ask.h"
#include "client/keelson/internal/snapshot_fetch.h"

namespace keelson::client {
namespace {

AlarmType FromWire(etcdserverpb::AlarmType type) {
  switch (type) {
    case etcdserverpb::NOSPACE:
      return AlarmType::kNoSpace;
    case etcdserverpb::CORRUPT:
      return AlarmType::kCorrupt;
    default:
      return AlarmType::kNone;
  }
}

etcdserverpb::AlarmType ToWire(AlarmType type) {
  switch (type) {
    case AlarmType::kNoSpace:
      return etcdserverpb::NOSPACE;
    case AlarmType::kCorrupt:
      return etcdserverpb::CORRUPT;
    case AlarmType::kNone:
      break;
  }
  return etcdserverpb::NONE;
}

MemberStatus FromWire(const etcdserverpb::StatusResponse& response) {
  return {.header = internal::ToHeader(response.header()),
          .version = response.version(),
          .db_size = response.dbsize(),
          .db_size_in_use = response.dbsizeinuse(),
          .db_size_quota = response.dbsizequota(),
          .leader = response.leader(),
          .raft_index = response.raftindex(),
          .raft_term = response.raftterm(),
          .raft_applied_index = response.raftappliedindex(),
          .errors = {response.errors().begin(), response.errors().end()},
          .is_learner = response.islearner(),
          .storage_version = response.storageversion()};
}

// A question whose result is known already.
template <typename Result>
Future<Result> Ended(const std::shared_ptr<internal::Core>& core, absl::Status status) {
  auto state = std::make_shared<internal::FutureState<Result>>(core->executor());
  state->Complete(std::move(status));
  return Future<Result>(std::move(state));
}

// One question to the member at `endpoint`.
template <typename Response, typename Convert>
auto AskMember(const std::shared_ptr<internal::Core>& core, const std::string& endpoint,
               const std::string& method, internal::Effect effect,
               const google::protobuf::MessageLite& request, const CallOptions& call,
               Convert convert) -> Future<decltype(convert(std::declval<Response&>()))> {
  const auto address = internal::ParseEndpoint(endpoint);
  if (!address.ok()) {
    return Ended<decltype(convert(std::declval<Response&>()))>(
        core, WithOutcome(address.status(), Outcome::kFailed));
  }
  return internal::Ask<Response>(core, "/etcdserverpb.Maintenance/" + method, effect, request, call,
                                 std::move(convert), *address);
}

// The same, of which only the end matters.
template <typename Response>
absl::Status Tell(const std::shared_ptr<internal::Core>& core, const std::string& endpoint,
                  const std::string& method, internal::Effect effect,
                  const google::protobuf::MessageLite& request, const CallOptions& call) {
  return internal::Await(core,
                         [&] {
                           return AskMember<Response>(core, endpoint, method, effect, request, call,
                                                      [](const Response&) { return true; });
                         })
      .status();
}

Future<AlarmResult> AskAlarm(const std::shared_ptr<internal::Core>& core,
                             const etcdserverpb::AlarmRequest& request, internal::Effect effect,
                             const CallOptions& call) {
  return internal::Ask<etcdserverpb::AlarmResponse>(
      core, "/etcdserverpb.Maintenance/Alarm", effect, request, call,
      [](const etcdserverpb::AlarmResponse& response) {
        AlarmResult result{.header = internal::ToHeader(response.header())};
        for (const auto& alarm : response.alarms()) {
          result.alarms.push_back({.member_id = alarm.memberid(), .type = FromWire(alarm.alarm())});
        }
        return result;
      });
}

}  // namespace

const char* AlarmTypeName(AlarmType type) {
  switch (type) {
    case AlarmType::kNoSpace:
      return "NOSPACE";
    case AlarmType::kCorrupt:
      return "CORRUPT";
    case AlarmType::kNone:
      break;
  }
  return "NONE";
}

Future<MemberStatus> Maintenance::StatusAsync(const std::string& endpoint,
                                              const CallOptions& call) const {
  return AskMember<etcdserverpb::StatusResponse>(
      core_, endpoint, "Status", internal::Effect::kReads, etcdserverpb::StatusRequest(), call,
      [](const etcdserverpb::StatusResponse& response) { return FromWire(response); });
}

absl::StatusOr<MemberStatus> Maintenance::Status(const std::string& endpoint,
                                                 const CallOptions& call) const {
  return internal::Await(core_, [&] { return StatusAsync(endpoint, call); });
}

MemberHealth Maintenance::Health(const std::string& endpoint, const CallOptions& call) const {
  MemberHealth health{.endpoint = endpoint};
  const auto address = internal::ParseEndpoint(endpoint);
  if (!address.ok()) {
    health.error = std::string(address.status().message());
    return health;
  }
  const internal::Instant started = core_->scheduler().Now();
  // The key need not exist; a permission error is an answer of a working quorum.
  const auto answer = internal::Await(core_, [&] {
    return internal::Ask<etcdserverpb::RangeResponse>(
        core_, "/etcdserverpb.KV/Range", internal::Effect::kReads,
        internal::ToWire(KeyRange::Key("health"), GetOptions{}), call,
        [](const etcdserverpb::RangeResponse&) { return true; }, *address);
  });
  health.took = core_->scheduler().Now() - started;
  health.healthy = answer.ok() || absl::IsPermissionDenied(answer.status());
  if (!health.healthy) health.error = std::string(answer.status().message());
  return health;
}

Future<MemberHash> Maintenance::HashKvAsync(const std::string& endpoint, int64_t revision,
                                            const CallOptions& call) const {
  etcdserverpb::HashKVRequest request;
  request.set_revision(revision);
  return AskMember<etcdserverpb::HashKVResponse>(
      core_, endpoint, "HashKV", internal::Effect::kReads, request, call,
      [](const etcdserverpb::HashKVResponse& response) {
        return MemberHash{.header = internal::ToHeader(response.header()),
                          .hash = response.hash(),
                          .compact_revision = response.compact_revision(),
                          .hash_revision = response.hash_revision()};
      });
}

absl::StatusOr<MemberHash> Maintenance::HashKv(const std::string& endpoint, int64_t revision,
                                               const CallOptions& call) const {
  return internal::Await(core_, [&] { return HashKvAsync(endpoint, revision, call); });
}

// Twice does no harm, so it counts as a read.
absl::Status Maintenance::Defragment(const std::string& endpoint, const CallOptions& call) const {
  return Tell<etcdserverpb::DefragmentResponse>(core_, endpoint, "Defragment",
                                                internal::Effect::kReads,
                                                etcdserverpb::DefragmentRequest(), call);
}

absl::Status Maintenance::MoveLeader(const std::string& endpoint, uint64_t target,
                                     const CallOptions& call) const {
  etcdserverpb::MoveLeaderRequest request;
  request.set_targetid(target);
  return Tell<etcdserverpb::MoveLeaderResponse>(core_, endpoint, "MoveLeader",
                                                internal::Effect::kWrites, request, call);
}

absl::Status Maintenance::Snapshot(const std::string& endpoint, const SnapshotSink& sink,
                                   const CallOptions& call) const {
  const auto address = internal::ParseEndpoint(endpoint);
  const absl::Status status =
      address.ok() ? internal::FetchSnapshot(*core_, *address, sink, call) : address.status();
  return status.ok() ? status : WithOutcome(status, Outcome::kFailed);
}

Future<AlarmResult> Maintenance::AlarmsAsync(const CallOptions& call) const {
  etcdserverpb::AlarmRequest request;
  request.set_action(etcdserverpb::AlarmRequest::GET);
  return AskAlarm(core_, request, internal::Effect::kReads, call);
}

absl::StatusOr<AlarmResult> Maintenance::Alarms(const CallOptions& call) const {
  return internal::Await(core_, [&] { return AlarmsAsync(call); });
}

absl::StatusOr<AlarmResult> Maintenance::Disarm(const Alarm& alarm, const CallOptions& call) const {
  etcdserverpb::AlarmRequest request;
  request.set_action(etcdserverpb::AlarmRequest::DEACTIVATE);
  request.set_memberid(alarm.member_id);
  request.set_alarm(ToWire(alarm.type));
  return internal::Await(core_,
                         [&] { return AskAlarm(core_, request, internal::Effect::kWrites, call); });
}

}  // namespace keelson::client
