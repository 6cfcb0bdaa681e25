// The state of single members, and the cluster's alarms.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/keelson/future.h"
#include "client/keelson/options.h"
#include "client/keelson/types.h"

namespace keelson::client {

namespace internal {
class Core;
}

// What one member says about itself; without a quorum, too.
struct MemberStatus {
  Header header = {};
  std::string version = {};
  int64_t db_size = 0;         // bytes on disk
  int64_t db_size_in_use = 0;  // bytes of what is kept
  int64_t db_size_quota = 0;   // 0 if the member does not say
  uint64_t leader = 0;         // member id; 0 for none
  uint64_t raft_index = 0;
  uint64_t raft_term = 0;
  uint64_t raft_applied_index = 0;
  std::vector<std::string> errors = {};
  bool is_learner = false;
  std::string storage_version = {};  // empty if the member does not say

  bool is_leader() const { return leader != 0 && leader == header.member_id; }
};

// What a member's keys and their history come to. Members with the same revisions must have the
// same hash, or one of them is damaged.
struct MemberHash {
  Header header = {};
  uint32_t hash = 0;
  int64_t compact_revision = 0;  // -1 before the first compaction
  int64_t hash_revision = 0;     // hashed up to and including it; 0 if the member does not say
};

enum class AlarmType { kNone, kNoSpace, kCorrupt };

// "NONE", "NOSPACE" or "CORRUPT".
const char* AlarmTypeName(AlarmType type);

struct Alarm {
  uint64_t member_id = 0;
  AlarmType type = AlarmType::kNone;
};

struct AlarmResult {
  Header header = {};
  std::vector<Alarm> alarms = {};
};

// Whether a member takes part: it answered a linearizable read, and how fast.
struct MemberHealth {
  std::string endpoint = {};
  bool healthy = false;
  absl::Duration took = {};
  std::string error = {};  // why not, if not
};

// A cheap, thread-safe handle; see Kv.
class Maintenance {
 public:
  explicit Maintenance(std::shared_ptr<internal::Core> core) : core_(std::move(core)) {}

  // Asks the member at `endpoint`, which need not be one of ClientOptions::endpoints, once.
  absl::StatusOr<MemberStatus> Status(const std::string& endpoint,
                                      const CallOptions& call = {}) const;
  Future<MemberStatus> StatusAsync(const std::string& endpoint, const CallOptions& call = {}) const;

  // Asks the member at `endpoint` for a linearizable read, once. Never fails: a member that can't
  // be reached is an unhealthy one.
  MemberHealth Health(const std::string& endpoint, const CallOptions& call = {}) const;

  // Asks the member at `endpoint` for its hash at `revision` (0: its newest), once. A member that
  // has not come so far says OutOfRange.
  absl::StatusOr<MemberHash> HashKv(const std::string& endpoint, int64_t revision = 0,
                                    const CallOptions& call = {}) const;
  Future<MemberHash> HashKvAsync(const std::string& endpoint, int64_t revision = 0,
                                 const CallOptions& call = {}) const;

  // Makes the member at `endpoint` give free space back to its disk. A Keelson member does that by
  // itself and answers at once; etcd answers nothing else until it is done.
  absl::Status Defragment(const std::string& endpoint, const CallOptions& call = {}) const;

  // Asks the leader, at `endpoint`, to hand over to the member `target`; returns once that one
  // leads. FailedPrecondition if the asked member does not lead or `target` is no voter.
  absl::Status MoveLeader(const std::string& endpoint, uint64_t target,
                          const CallOptions& call = {}) const;

  // Hears of a snapshot's bytes in order, the checksum that ends them included; `remaining` are
  // still to come before it. An error ends the snapshot with it.
  using SnapshotSink = std::function<absl::Status(std::string_view bytes, uint64_t remaining)>;

  // Hands the whole state of the member at `endpoint` to `sink`, on the calling thread, as fast as
  // that takes it. OK: all of it came, and fits its checksum; else what came is of no use: DataLoss
  // where it does not fit. Without a timeout in `call` it may take any time.
  absl::Status Snapshot(const std::string& endpoint, const SnapshotSink& sink,
                        const CallOptions& call = {}) const;

  // The raised alarms of all members.
  absl::StatusOr<AlarmResult> Alarms(const CallOptions& call = {}) const;
  Future<AlarmResult> AlarmsAsync(const CallOptions& call = {}) const;

  // Clears one alarm, exactly as Alarms() gave it. The result lists it, or nothing if it was not
  // raised.
  absl::StatusOr<AlarmResult> Disarm(const Alarm& alarm, const CallOptions& call = {}) const;

 private:
  std::shared_ptr<internal::Core> core_;
};

}  // namespace keelson::client
