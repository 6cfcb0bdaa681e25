#include "server/apply/applier.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/view.h"
#include "proto/etcd/rpc.pb.h"
#include "proto/keelson/entry.pb.h"
#include "proto/keelson/request.pb.h"
#include "server/apply/errors.h"
#include "server/apply/mutants.h"
#include "server/apply/request_errors.h"
#include "server/apply/txn.h"
#include "server/apply/validate.h"
#include "storage/mvcc/apply_batch.h"

namespace keelson::server {
namespace {

using v1::LogEntry;

// Gives the result a response of type T and returns it.
template <typename T>
T* Respond(ApplyResult* result) {
  auto response = std::make_unique<T>();
  T* raw = response.get();
  result->response = std::move(response);
  return raw;
}

ApplyResult Fatal(const absl::Status& status) {
  ApplyResult result;
  result.status = status;
  result.fatal = true;
  return result;
}

std::unique_ptr<google::protobuf::Message> EmptyResponseTo(LogEntry::RequestCase request) {
  switch (request) {
    case LogEntry::kPut:
      return std::make_unique<etcdserverpb::PutResponse>();
    case LogEntry::kDeleteRange:
      return std::make_unique<etcdserverpb::DeleteRangeResponse>();
    case LogEntry::kTxn:
      return std::make_unique<etcdserverpb::TxnResponse>();
    case LogEntry::kCompact:
      return std::make_unique<etcdserverpb::CompactionResponse>();
    case LogEntry::kLeaseGrant:
      return std::make_unique<etcdserverpb::LeaseGrantResponse>();
    case LogEntry::kLeaseRevoke:
      return std::make_unique<etcdserverpb::LeaseRevokeResponse>();
    default:
      return nullptr;  // no client names such a write
  }
}

v1::RequestRecord RecordOf(const ApplyResult& result, const RequestLimits& limits) {
  v1::RequestRecord record;
  record.set_code(static_cast<uint32_t>(result.status.raw_code()));
  record.set_message(std::string(result.status.message()));
  if (result.response == nullptr) return record;
  record.set_response_dropped(result.response->ByteSizeLong() > limits.answer_bytes);
  if (!record.response_dropped()) record.set_response(result.response->SerializeAsString());
  return record;
}

ApplyResult AnswerAgain(LogEntry::RequestCase request, const std::string& stored) {
  v1::RequestRecord record;
  ApplyResult result;
  result.response = EmptyResponseTo(request);
  if (!record.ParseFromString(stored) || result.response == nullptr ||
      !result.response->ParseFromString(record.response())) {
    return Fatal(absl::DataLossError("the record of an answered request can't be read"));
  }
  if (kMutantAnswerCutShort) {
    if (auto* put = dynamic_cast<etcdserverpb::PutResponse*>(result.response.get())) {
      put->clear_prev_kv();
    }
  }
  result.named = ApplyResult::Named::kRepeated;
  result.status = absl::Status(static_cast<absl::StatusCode>(record.code()), record.message());
  if (record.response_dropped()) result.status = errors::AnswerNotKept();
  if (!result.status.ok()) result.response.reset();
  return result;
}

}  // namespace

absl::Status UnknownEntry() {
  return absl::UnimplementedError(
      "a newer version wrote this log entry: upgrade kvd on this member, then start it again");
}

int64_t LeaseRecordTtl(std::string_view record) {
  int64_t ttl = 0;
  return absl::SimpleAtoi(ToAbsl(record.substr(0, record.find(' '))), &ttl) ? ttl : 0;
}

int64_t LeaseRecordRemaining(std::string_view record) {
  const size_t blank = record.find(' ');
  int64_t remaining = 0;
  if (blank == std::string_view::npos) return 0;
  return absl::SimpleAtoi(ToAbsl(record.substr(blank + 1)), &remaining) ? remaining : 0;
}

void PackLargeResponse(ApplyResult* result) {
  constexpr size_t kLarge = 64 << 10;
  constexpr int kHeaderField = 1;  // of every response
  if (result->response == nullptr || result->response->ByteSizeLong() < kLarge) return;
  std::unique_ptr<google::protobuf::Message> rest = std::move(result->response);
  result->response.reset(rest->New());
  const auto* reflection = rest->GetReflection();
  const auto* header = rest->GetDescriptor()->FindFieldByNumber(kHeaderField);
  reflection->SwapFields(rest.get(), result->response.get(), {header});
  result->body = std::make_shared<const std::string>(rest->SerializeAsString());
}

std::optional<ApplyResult> RecordedAnswer(uint32_t kind, const RequestId& id, uint64_t newest,
                                          const storage::MvccStore& store) {
  const auto record = RequestTable::Recorded(id, newest, store);
  if (!record.ok() || !record->has_value()) return std::nullopt;
  ApplyResult result = AnswerAgain(static_cast<LogEntry::RequestCase>(kind), **record);
  if (result.fatal) return std::nullopt;
  return result;
}

ApplyResult Applier::Apply(const LogEntry& entry, bool want_response, storage::ApplyBatch& batch) {
  if (entry.has_request_id()) return ApplyNamed(entry, want_response, batch);
  return Decide(entry, want_response, batch);
}

ApplyResult Applier::ApplyNamed(const LogEntry& entry, bool want_response,
                                storage::ApplyBatch& batch) {
  using Verdict = RequestTable::Verdict;
  ApplyResult result;
  const auto found = requests_->Find(entry.request_id(), batch);
  if (!found.ok()) return Fatal(found.status());
  switch (found->verdict) {
    case Verdict::kTooOld:
      result.named = ApplyResult::Named::kTooOld;
      result.status = errors::RequestTooOld();
      return result;
    case Verdict::kFuture:
      result.status = errors::RequestIdOfTheFuture();
      return result;
    case Verdict::kOther:
      result.status = errors::RequestIdOfAnother();
      return result;
    case Verdict::kRepeated:
      return AnswerAgain(entry.request_case(), *found->record);
    case Verdict::kNew:
      break;
  }
  // Every member keeps the answer, whoever waits for it.
  result = Decide(entry, true, batch);
  if (result.fatal || storage::IsTooMuchWork(result.status)) return result;
  if (kMutantRefusalForgotten && !result.status.ok()) {
    result.named = ApplyResult::Named::kFirst;
    return result;
  }
  result.named = ApplyResult::Named::kFirst;
  const absl::Status kept =
      requests_->Remember(entry.request_id(), RecordOf(result, requests_->limits()), batch);
  if (!kept.ok()) return Fatal(kept);
  if (!want_response) result.response.reset();
  return result;
}

ApplyResult Applier::Decide(const LogEntry& entry, bool want_response, storage::ApplyBatch& batch) {
  ApplyResult result;
  result.status = CheckAlarms(entry);
  if (!result.status.ok()) return result;
  const size_t lease_changes = lease_changes_.size();
  batch.BeginRequest();
  result.status = Run(entry, want_response, batch, &result);
  if (!result.status.ok()) {
    batch.AbortRequest();
    lease_changes_.resize(lease_changes);
    result.response.reset();
    result.fatal = result.fatal || result.status.code() == absl::StatusCode::kDataLoss ||
                   result.status.code() == absl::StatusCode::kInternal;
    return result;
  }
  batch.EndRequest();
  if (!want_response) result.response.reset();
  return result;
}

absl::Status Applier::CheckAlarms(const LogEntry& entry) const {
  const bool grows =
      entry.has_put() || entry.has_lease_grant() || (entry.has_txn() && HasPut(entry.txn()));
  if (grows && facts_->HasAlarm(AlarmKind::kNoSpace)) return errors::NoSpace();
  const bool writes = grows || entry.has_delete_range() || entry.has_txn() || entry.has_compact() ||
                      entry.has_lease_revoke();
  if (writes && facts_->IsClusterCorrupt()) return errors::Corrupt();
  return absl::OkStatus();
}

absl::Status Applier::Run(const LogEntry& entry, bool want_response, storage::ApplyBatch& batch,
                          ApplyResult* result) {
  Operations operations(batch, want_response);
  absl::Status status;
  switch (entry.request_case()) {
    case LogEntry::kPut:
      return operations.Put(entry.put(), Respond<etcdserverpb::PutResponse>(result));
    case LogEntry::kDeleteRange:
      return operations.Delete(entry.delete_range(),
                               Respond<etcdserverpb::DeleteRangeResponse>(result));
    case LogEntry::kTxn:
      return operations.Txn(entry.txn(), Respond<etcdserverpb::TxnResponse>(result));
    case LogEntry::kCompact:
      status = Compact(entry.compact().revision(), batch);
      Respond<etcdserverpb::CompactionResponse>(result)->mutable_header()->set_revision(
          batch.revision());
      return status;
    case LogEntry::kLeaseGrant: {
      status = GrantLease(entry.lease_grant().id(), entry.lease_grant().ttl(), batch);
      auto* response = Respond<etcdserverpb::LeaseGrantResponse>(result);
      response->mutable_header()->set_revision(batch.revision());
      response->set_id(entry.lease_grant().id());
      response->set_ttl(entry.lease_grant().ttl());
      return status;
    }
    case LogEntry::kLeaseRevoke:
      status = RevokeLease(entry.lease_revoke().id(), batch);
      Respond<etcdserverpb::LeaseRevokeResponse>(result)->mutable_header()->set_revision(
          batch.revision());
      return status;
    case LogEntry::kLeaseExpire:
      return ExpireLeases(entry, batch);
    case LogEntry::kLeaseCheckpoint:
      return CheckpointLeases(entry, batch);
    case LogEntry::kAlarm:
      ChangeAlarm(entry, batch, result);
      return absl::OkStatus();
    case LogEntry::kMemberAttributes: {
      const auto& said = entry.member_attributes();
      facts_->SetMember(said.member(), FactsOf(said), batch);
      return absl::OkStatus();
    }
    case LogEntry::kClusterVersion:
      facts_->SetVersion(entry.cluster_version().version(), batch);
      return absl::OkStatus();
    case LogEntry::REQUEST_NOT_SET:
      break;
  }
  // Passing over it would leave this member apart from those that know it.
  result->fatal = true;
  return UnknownEntry();
}

absl::Status Applier::Compact(int64_t revision, storage::ApplyBatch& batch) {
  if (revision > batch.revision()) return errors::FutureRevision();
  if (revision <= batch.compact_revision()) return errors::Compacted();
  return batch.SetCompactRevision(revision);
}

absl::Status Applier::GrantLease(int64_t id, int64_t ttl, storage::ApplyBatch& batch) {
  const auto known = batch.GetLease(id);
  if (!known.ok()) return known.status();
  if (known->has_value()) return errors::LeaseExists();
  batch.PutLease(id, absl::StrCat(ttl));
  lease_changes_.push_back({id, ttl});
  return absl::OkStatus();
}

absl::Status Applier::RevokeLease(int64_t id, storage::ApplyBatch& batch) {
  const auto known = batch.GetLease(id);
  if (!known.ok()) return known.status();
  if (!known->has_value()) return errors::LeaseNotFound();
  const auto keys = batch.LeaseKeys(id);
  if (!keys.ok()) return keys.status();
  return EndLease(id, *keys, batch);
}

absl::Status Applier::EndLease(int64_t id, const std::vector<std::string>& keys,
                               storage::ApplyBatch& batch) {
  for (const std::string& key : keys) {
    if (const auto removed = batch.Delete(key); !removed.ok()) return removed.status();
  }
  batch.DeleteLease(id);
  lease_changes_.push_back({id, 0});
  return absl::OkStatus();
}

absl::Status Applier::CheckpointLeases(const LogEntry& entry, storage::ApplyBatch& batch) {
  for (const auto& lease : entry.lease_checkpoint().lease()) {
    const auto known = batch.GetLease(lease.id());
    if (!known.ok()) return known.status();
    if (!known->has_value()) continue;
    const int64_t ttl = LeaseRecordTtl(**known);
    const int64_t remaining = std::clamp<int64_t>(lease.remaining_ttl(), 0, ttl);
    batch.PutLease(lease.id(),
                   remaining == 0 ? absl::StrCat(ttl) : absl::StrCat(ttl, " ", remaining));
    lease_changes_.push_back({lease.id(), ttl, remaining});
  }
  return absl::OkStatus();
}

absl::Status Applier::ExpireLeases(const LogEntry& entry, storage::ApplyBatch& batch) {
  // Finished requests are not taken back: whether all is too much shows before the first ends.
  std::vector<std::vector<std::string>> keys;
  for (const int64_t id : entry.lease_expire().id()) {
    auto attached = batch.LeaseKeys(id);
    if (!attached.ok()) return attached.status();
    keys.push_back(*std::move(attached));
  }
  batch.LimitWork(0);
  for (int i = 0; i < entry.lease_expire().id_size(); ++i) {
    // Each lease gets a revision of its own, as if it had been revoked alone.
    if (i > 0) {
      batch.EndRequest();
      batch.BeginRequest();
    }
    const int64_t id = entry.lease_expire().id(i);
    const auto known = batch.GetLease(id);
    if (!known.ok()) return known.status();
    if (!known->has_value()) continue;
    // A key has one lease: the ends before this one took none of its keys.
    const absl::Status status = EndLease(id, keys[static_cast<size_t>(i)], batch);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void Applier::ChangeAlarm(const LogEntry& entry, storage::ApplyBatch& batch, ApplyResult* result) {
  const auto& change = entry.alarm();
  const auto kind = static_cast<AlarmKind>(change.alarm());
  auto* response = Respond<etcdserverpb::AlarmResponse>(result);
  response->mutable_header()->set_revision(batch.revision());
  bool concerned = kind != AlarmKind::kNone;
  if (change.active()) {
    facts_->RaiseAlarm(change.member(), kind, batch);
  } else {
    concerned = facts_->ClearAlarm(change.member(), kind, batch);
    // Clients know one kind of both. The member raises its own again if its disk is still full.
    if (kind == AlarmKind::kNoSpace) {
      concerned = facts_->ClearAlarm(change.member(), AlarmKind::kDiskFull, batch) || concerned;
    }
  }
  if (!concerned) return;
  auto* alarm = response->add_alarms();
  alarm->set_memberid(change.member());
  alarm->set_alarm(change.alarm());
}

}  // namespace keelson::server
