// What a node is made from, besides the seams.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "raft/config.h"
#include "raft/types.h"
#include "server/apply/entry_version.h"
#include "server/apply/request_table.h"
#include "server/node/member_change.h"
#include "server/node/seams.h"
#include "server/node/slice_limits.h"

namespace keelson::server {

// Version numbers that clients and monitoring see: those of the etcd release whose API we serve.
inline constexpr const char* kApiVersion = "3.6.0";
inline constexpr const char* kStorageVersion = "3.6.0";
// The same for the cluster: that of the oldest version which reads the cluster's log entries
// (ClusterFacts::version); "not_decided" while no leader has said it.
inline const char* ClusterApiVersion(uint32_t entry_version) {
  return entry_version == 0 ? "not_decided" : "3.6.0";
}

// How much history a cluster keeps when nobody compacts it.
struct AutoCompaction {
  enum class Mode { kOff, kPeriodic, kRevision };
  Mode mode = Mode::kOff;
  Duration period{};      // kPeriodic
  int64_t revisions = 0;  // kRevision
};

struct NodeOptions {
  std::string name = "default";
  std::string data_dir;                  // holds member/identity, member/wal, member/db
  std::string wal_dir;                   // in place of member/wal; "" = there
  std::vector<std::string> client_urls;  // advertised

  // The members of a new cluster by name, with their peer URLs; this one among them.
  std::map<std::string, std::vector<std::string>> initial_cluster;
  std::string initial_cluster_token = "etcd-cluster";
  // The cluster runs already. `joined`, what its members told of this one, is needed on a fresh
  // data directory and ignored on any other.
  bool initial_cluster_existing = false;
  struct Joined {
    uint64_t cluster_id = 0;
    raft::NodeId member;
  };
  std::optional<Joined> joined;
  // Makes this member the only one of its cluster before it starts, with all that its log holds.
  bool force_new_cluster = false;
  MemberRules member_rules;   // by which this member, while it leads, judges changes
  bool auto_promote = false;  // as the leader: makes learners voters once they are in sync

  Duration heartbeat = std::chrono::milliseconds(100);
  Duration election_timeout = std::chrono::milliseconds(1000);

  int64_t quota_bytes = int64_t{2} << 30;  // negative: none
  int64_t max_txn_ops = 128;
  size_t max_request_bytes = 1536 << 10;

  AutoCompaction auto_compaction;

  // Log and store. The simulator makes them small.
  uint64_t wal_segment_bytes = 16 << 20;
  uint64_t flush_after_bytes = 32 << 20;  // unflushed tail that a restart would replay
  uint64_t keep_log_entries = 5000;       // behind the flushed index, for members that lag
  uint64_t keep_log_bytes = 64 << 20;     // the same, whichever is less
  // Kept free for deletes and compactions on a full disk; half of it free counts as full.
  uint64_t disk_reserve_bytes = 64 << 20;
  uint64_t block_cache_bytes = 32 << 20;
  bool manual_background = false;
  bool probe_sync_method = true;
  size_t snapshot_chunk_bytes = 256 << 10;
  size_t snapshot_window_bytes = 4 << 20;
  uint64_t snapshot_bytes_per_second = 100 << 20;

  // Entries in one message to a peer, and what is on the way to it unacknowledged.
  size_t append_message_bytes = 1 << 20;
  size_t append_window_bytes = 8 << 20;

  // How often members compare all of their states, and read all of their files, at most; zero:
  // never. Large stores take longer.
  Duration corrupt_check_time = std::chrono::seconds(3);

  // Of longer leases the log is told what is left, so often.
  Duration lease_checkpoint_every = std::chrono::minutes(5);

  // What is kept of named writes. The same on all members of a cluster, for ever.
  RequestLimits requests;

  SliceLimits apply;  // in one turn of the loop
  // Committed but not applied entries above which writes are refused.
  size_t max_apply_backlog = 5000;
  // Client writes that wait at this member.
  size_t max_pending_writes = 20000;
  Duration slow_apply = std::chrono::milliseconds(100);

  // Quiet watchers that want it are told how far they are.
  Duration watch_progress_interval = std::chrono::minutes(10);

  // What clients are told as the server's version, "X.Y.Z".
  std::string api_version = kApiVersion;

  // The newest log entries that this member reads.
  uint32_t entry_version = kEntryVersion;
};

}  // namespace keelson::server
