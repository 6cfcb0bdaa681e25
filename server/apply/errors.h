// The errors of the etcd v3 wire, with the exact codes and texts that clients match on.
#pragma once

#include "absl/status/status.h"

namespace keelson::server::errors {

// InvalidArgument.
inline absl::Status EmptyKey() {
  return absl::InvalidArgumentError("etcdserver: key is not provided");
}
inline absl::Status KeyNotFound() {
  return absl::InvalidArgumentError("etcdserver: key not found");
}
inline absl::Status ValueProvided() {
  return absl::InvalidArgumentError("etcdserver: value is provided");
}
inline absl::Status LeaseProvided() {
  return absl::InvalidArgumentError("etcdserver: lease is provided");
}
inline absl::Status TooManyOps() {
  return absl::InvalidArgumentError("etcdserver: too many operations in txn request");
}
inline absl::Status DuplicateKey() {
  return absl::InvalidArgumentError("etcdserver: duplicate key given in txn request");
}
inline absl::Status InvalidSortOption() {
  return absl::InvalidArgumentError("etcdserver: invalid sort option");
}
inline absl::Status InvalidClientApiVersion() {
  return absl::InvalidArgumentError("etcdserver: invalid client api version");
}
inline absl::Status BadMemberUrls() {
  return absl::InvalidArgumentError("etcdserver: given member URLs are invalid");
}
inline absl::Status RequestTooLarge() {
  return absl::InvalidArgumentError("etcdserver: request is too large");
}
inline absl::Status DowngradeVersionFormat() {
  return absl::InvalidArgumentError("etcdserver: wrong downgrade target version format");
}
inline absl::Status DowngradeVersion() {
  return absl::InvalidArgumentError("etcdserver: invalid downgrade target version");
}

// OutOfRange.
inline absl::Status Compacted() {
  return absl::OutOfRangeError("etcdserver: mvcc: required revision has been compacted");
}
inline absl::Status FutureRevision() {
  return absl::OutOfRangeError("etcdserver: mvcc: required revision is a future revision");
}
inline absl::Status LeaseTtlTooLarge() {
  return absl::OutOfRangeError("etcdserver: too large lease TTL");
}

// ResourceExhausted.
inline absl::Status NoSpace() {
  return absl::ResourceExhaustedError("etcdserver: mvcc: database space exceeded");
}
inline absl::Status TooManyRequests() {
  return absl::ResourceExhaustedError("etcdserver: too many requests");
}

// NotFound and FailedPrecondition.
inline absl::Status LeaseNotFound() {
  return absl::NotFoundError("etcdserver: requested lease not found");
}
inline absl::Status LeaseExists() {
  return absl::FailedPreconditionError("etcdserver: lease already exists");
}
inline absl::Status MemberNotFound() { return absl::NotFoundError("etcdserver: member not found"); }
inline absl::Status PeerUrlsExist() {
  return absl::FailedPreconditionError("etcdserver: Peer URLs already exists");
}
inline absl::Status NotEnoughStartedMembers() {
  return absl::FailedPreconditionError(
      "etcdserver: re-configuration failed due to not enough started members");
}
inline absl::Status MemberNotLearner() {
  return absl::FailedPreconditionError("etcdserver: can only promote a learner member");
}
inline absl::Status LearnerNotReady() {
  return absl::FailedPreconditionError(
      "etcdserver: can only promote a learner member which is in sync with leader");
}
inline absl::Status TooManyLearners() {
  return absl::FailedPreconditionError("etcdserver: too many learner members in cluster");
}
inline absl::Status NotSupportedForLearner() {
  return absl::FailedPreconditionError("etcdserver: rpc not supported for learner");
}
inline absl::Status NotLeader() { return absl::FailedPreconditionError("etcdserver: not leader"); }
inline absl::Status BadLeaderTransferee() {
  return absl::FailedPreconditionError("etcdserver: bad leader transferee");
}

// Unavailable: transient, and for a write possibly done. Two that etcd has are never given: reads
// under a leader that fails are asked of the next one instead of ending as "leader changed", and
// apply that takes too long is one of the reasons of "request timed out".
inline absl::Status NoLeader() { return absl::UnavailableError("etcdserver: no leader"); }
inline absl::Status UnhealthyCluster() {
  return absl::UnavailableError("etcdserver: unhealthy cluster");
}
inline absl::Status Stopped() { return absl::UnavailableError("etcdserver: server stopped"); }
inline absl::Status TimedOut() { return absl::UnavailableError("etcdserver: request timed out"); }
inline absl::Status TimedOutLeaderFailed() {
  return absl::UnavailableError(
      "etcdserver: request timed out, possibly due to previous leader failure");
}
inline absl::Status TimedOutConnectionLost() {
  return absl::UnavailableError("etcdserver: request timed out, possibly due to connection lost");
}

// Unknown, as etcd sends what it has no code for.
inline absl::Status LeaderTransferTimedOut() {
  return absl::UnknownError("etcdserver: request timed out, leader transfer took too long");
}
inline absl::Status UnknownMethod() { return absl::UnknownError("etcdserver: unknown method"); }
// Unimplemented: clients then ask with Range.
inline absl::Status NoStreamInThisOrder() {
  return absl::UnimplementedError("RangeStream does not support custom sort orders");
}
inline absl::Status NoStreamOfSomeRevisions() {
  return absl::UnimplementedError("RangeStream does not support revision filters");
}

// Lock and Election have no code for any error; see AsUnknown.
inline absl::Status SessionExpired() { return absl::UnknownError("mutex: session is expired"); }
inline absl::Status ElectionNotLeader() { return absl::UnknownError("election: not leader"); }
inline absl::Status ElectionNoLeader() { return absl::UnknownError("election: no leader"); }
inline absl::Status MissingLeaderKey() {
  return absl::UnknownError("\"leader\" field must be provided");
}
inline absl::Status AsUnknown(const absl::Status& error) {
  return absl::UnknownError(error.message());
}

// DataLoss.
inline absl::Status Corrupt() { return absl::DataLossError("etcdserver: corrupt cluster"); }

}  // namespace keelson::server::errors
