// What a member refuses before a request reaches the log: the checks that need no state.
#pragma once

#include <cstdint>

#include "absl/status/status.h"

namespace etcdserverpb {
class RangeRequest;
class PutRequest;
class DeleteRangeRequest;
class TxnRequest;
}  // namespace etcdserverpb

namespace keelson::server {

absl::Status Validate(const etcdserverpb::RangeRequest& request);
absl::Status Validate(const etcdserverpb::PutRequest& request);
absl::Status Validate(const etcdserverpb::DeleteRangeRequest& request);

// How many transactions may stand in one another below the first. Two levels of messages each: what
// writes JSON ends at 64 levels, what reads protobuf at 100, in most languages.
inline constexpr int kMaxNestedTxns = 30;

// `max_ops` bounds the longest of the three lists; a nested transaction may use what its parent
// left. One that is nested too deep has too many operations, too.
absl::Status Validate(const etcdserverpb::TxnRequest& request, int64_t max_ops);

// Whether a transaction can't change anything: only ranges at its top level. Such a transaction is
// a read and never enters the log.
bool IsReadOnly(const etcdserverpb::TxnRequest& request);

// Whether every range of a read-only transaction is serializable. An empty transaction is not: it
// is answered linearizably.
bool IsSerializable(const etcdserverpb::TxnRequest& request);

// Whether a transaction has a put in any branch, nested ones included (quota and alarms).
bool HasPut(const etcdserverpb::TxnRequest& request);

}  // namespace keelson::server
