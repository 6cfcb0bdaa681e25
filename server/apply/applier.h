// The replicated state machine: one log entry in, its effect on the store and the answer out.
//
// Deterministic: the result depends on the entry, the store and the facts only, so all members end
// up alike. Loop thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "server/apply/cluster_facts.h"
#include "server/apply/request_table.h"

namespace keelson::v1 {
class LogEntry;
}
namespace keelson::storage {
class ApplyBatch;
class MvccStore;
}  // namespace keelson::storage

namespace keelson::server {

// What an entry did. A status other than OK is the wire's error for the client, and then the entry
// had no effect; what stops the member is told apart by `fatal`.
struct ApplyResult {
  absl::Status status;
  // The disk failed, or a newer version wrote the entry: the member must stop; `status` says why.
  bool fatal = false;
  // The wire's response, header.revision filled; null on errors and where nobody waits for it.
  std::unique_ptr<google::protobuf::Message> response;
  // The serialized rest of a large response, of which `response` then holds the header only. On the
  // wire it follows the serialized `response`. May be null.
  std::shared_ptr<const std::string> body = nullptr;
  // What the log decided about a write that its client named; kNone: nothing, or it has no name.
  enum class Named : uint8_t {
    kNone,
    kFirst,     // this is the answer for good
    kRepeated,  // it was applied before: this is the answer that it had then
    kTooOld,    // nobody can tell any more whether it was applied; it was not now
  };
  Named named = Named::kNone;
};

// The error, fatal, of an entry that this version can't read.
absl::Status UnknownEntry();

// Serializes all but the header of a large response into `body`, so that the loop need not. Any
// thread.
void PackLargeResponse(ApplyResult* result);

// A change of the granted leases, told to whoever keeps their deadlines once the batch committed.
struct LeaseChange {
  int64_t id = 0;
  int64_t ttl_seconds = 0;  // 0: revoked
  // Set: the lease was there before, and so much is left of it; 0: all of its TTL again.
  std::optional<int64_t> remaining_seconds = {};
};

// The answer of what was applied under `id` before, which is its final one, as far as `store` has
// it. `kind`: the number of the request's field in keelson.v1.LogEntry. `newest`: how many named
// writes there were in the last slice that was told of. Loop thread, also beside a large entry.
std::optional<ApplyResult> RecordedAnswer(uint32_t kind, const RequestId& id, uint64_t newest,
                                          const storage::MvccStore& store);

class Applier {
 public:
  // `facts` and `requests` must outlive the applier.
  Applier(ClusterFacts* facts, RequestTable* requests) : facts_(facts), requests_(requests) {}

  // Adds the effect of `entry` to `batch`. `want_response`: a client of this member waits for it.
  // Where the batch's limit of work ends it, the result's status says so (storage::IsTooMuchWork)
  // and nothing has happened. Set the limit anew for each entry: an expiry lifts it.
  ApplyResult Apply(const v1::LogEntry& entry, bool want_response, storage::ApplyBatch& batch);

  // The lease changes since the last call, in order.
  std::vector<LeaseChange> TakeLeaseChanges() { return std::move(lease_changes_); }

 private:
  ApplyResult Decide(const v1::LogEntry& entry, bool want_response, storage::ApplyBatch& batch);
  ApplyResult ApplyNamed(const v1::LogEntry& entry, bool want_response, storage::ApplyBatch& batch);
  absl::Status CheckAlarms(const v1::LogEntry& entry) const;
  absl::Status Run(const v1::LogEntry& entry, bool want_response, storage::ApplyBatch& batch,
                   ApplyResult* result);
  absl::Status Compact(int64_t revision, storage::ApplyBatch& batch);
  absl::Status GrantLease(int64_t id, int64_t ttl, storage::ApplyBatch& batch);
  absl::Status RevokeLease(int64_t id, storage::ApplyBatch& batch);
  // The lease exists; `keys` are all that are attached to it.
  absl::Status EndLease(int64_t id, const std::vector<std::string>& keys,
                        storage::ApplyBatch& batch);
  absl::Status CheckpointLeases(const v1::LogEntry& entry, storage::ApplyBatch& batch);
  absl::Status ExpireLeases(const v1::LogEntry& entry, storage::ApplyBatch& batch);
  void ChangeAlarm(const v1::LogEntry& entry, storage::ApplyBatch& batch, ApplyResult* result);

  ClusterFacts* facts_;
  RequestTable* requests_;
  std::vector<LeaseChange> lease_changes_;
};

// A lease record of the store is its TTL, and behind a blank what is left of it where the log says
// so; decimal. 0 for what is not there or can't be read.
int64_t LeaseRecordTtl(std::string_view record);
int64_t LeaseRecordRemaining(std::string_view record);

}  // namespace keelson::server
