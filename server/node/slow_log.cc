#include "server/node/slow_log.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/view.h"
#include "proto/etcd/rpc.pb.h"
#include "proto/keelson/entry.pb.h"

namespace keelson::server {
namespace {

constexpr std::string_view kCaller = "server/node";
constexpr std::string_view kTooLong = "apply request took too long";
constexpr size_t kShownKeyBytes = 64;

int64_t Millis(Duration duration) { return std::max<int64_t>(duration.count(), 0) / 1'000'000; }

// Between two stages; -1 where one of them was not reached.
int64_t Between(std::optional<Instant> begin, std::optional<Instant> end) {
  return begin && end ? Millis(*end - *begin) : -1;
}

std::string Key(const std::string& key) {
  const bool all = key.size() <= kShownKeyBytes;
  return absl::StrCat("\"", absl::CHexEscape(key.substr(0, kShownKeyBytes)), all ? "\"" : "...\"");
}

std::string Describe(const v1::LogEntry& entry) {
  switch (entry.request_case()) {
    case v1::LogEntry::kPut:
      return absl::StrCat("put key:", Key(entry.put().key()),
                          " value_size:", entry.put().value().size());
    case v1::LogEntry::kDeleteRange:
      return absl::StrCat("delete_range key:", Key(entry.delete_range().key()),
                          " range_end:", Key(entry.delete_range().range_end()));
    case v1::LogEntry::kTxn:
      return absl::StrCat("txn compare:", entry.txn().compare_size(),
                          " success:", entry.txn().success_size(),
                          " failure:", entry.txn().failure_size());
    case v1::LogEntry::kCompact:
      return absl::StrCat("compaction revision:", entry.compact().revision());
    case v1::LogEntry::kLeaseGrant:
      return absl::StrCat("lease_grant ID:", entry.lease_grant().id());
    case v1::LogEntry::kLeaseRevoke:
      return absl::StrCat("lease_revoke ID:", entry.lease_revoke().id());
    case v1::LogEntry::kLeaseExpire:
      return absl::StrCat("lease_expire count:", entry.lease_expire().id_size());
    case v1::LogEntry::kLeaseCheckpoint:
      return absl::StrCat("lease_checkpoint count:", entry.lease_checkpoint().lease_size());
    case v1::LogEntry::kAlarm:
      return "alarm";
    case v1::LogEntry::kMemberAttributes:
      return "member_attributes";
    case v1::LogEntry::kClusterVersion:
      return "cluster_version";
    case v1::LogEntry::REQUEST_NOT_SET:
      break;
  }
  return "unknown";
}

}  // namespace

std::string DescribeEntry(std::string_view bytes) {
  v1::LogEntry entry;
  if (!entry.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return "unknown";
  return Describe(entry);
}

void SlowLog::Write(const WriteTimes& times, std::string_view entry, const absl::Status& outcome) {
  if (!Allow(times.ended)) return;
  logger_->Warn(kCaller, kTooLong,
                {{"took-ms", Millis(times.ended - times.queued)},
                 {"expected-duration-ms", Millis(slow_)},
                 {"request", DescribeEntry(entry)},
                 {"queued-ms", Between(times.queued, times.sent)},
                 {"commit-ms", Between(times.sent, times.committed)},
                 {"apply-wait-ms", Between(times.committed, times.apply_began)},
                 {"apply-ms", Between(times.apply_began, times.ended)},
                 {"error", ToStd(outcome.message())},
                 {"not-told", limit_.TakeHeldBack()}});
}

void SlowLog::Read(const ReadTimes& times, const absl::Status& outcome) {
  if (!Allow(times.ended)) return;
  logger_->Warn(kCaller, kTooLong,
                {{"took-ms", Millis(times.ended - times.asked)},
                 {"expected-duration-ms", Millis(slow_)},
                 {"prefix", "read-only range "},
                 {"read-index-ms", Between(times.asked, times.confirmed)},
                 {"apply-wait-ms", Between(times.confirmed, times.ended)},
                 {"error", ToStd(outcome.message())},
                 {"not-told", limit_.TakeHeldBack()}});
}

void SlowLog::Range(Duration took, std::string_view method, Instant now) {
  if (!Allow(now)) return;
  logger_->Warn(kCaller, kTooLong,
                {{"took-ms", Millis(took)},
                 {"expected-duration-ms", Millis(slow_)},
                 {"prefix", "read-only range "},
                 {"request", method},
                 {"read-ms", Millis(took)},
                 {"not-told", limit_.TakeHeldBack()}});
}

void SlowLog::Apply(Duration took, size_t entries, raft::Index last, Instant now) {
  if (!Allow(now)) return;
  logger_->Warn(kCaller, kTooLong,
                {{"took-ms", Millis(took)},
                 {"expected-duration-ms", Millis(slow_)},
                 {"entries", uint64_t{entries}},
                 {"applied-index", last.value()},
                 {"apply-ms", Millis(took)},
                 {"not-told", limit_.TakeHeldBack()}});
}

void SlowLog::Sync(Duration took, Instant now) {
  if (!Allow(now)) return;
  logger_->Warn(kCaller, "slow fdatasync",
                {{"took-ms", Millis(took)},
                 {"expected-duration-ms", Millis(kSlowSync)},
                 {"not-told", limit_.TakeHeldBack()}});
}

}  // namespace keelson::server
