// Makes a member's data directory from a snapshot archive: the first member, or one of the first,
// of a new cluster with the old one's keys and leases.
//
//   archive --checked--> DIR/.restoring/member: identity, store, log that begins behind the
//   snapshot
//           --renamed--> DIR/member
//
// A crash before the last step leaves no member; the next restore begins anew, also in a log's
// directory of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/node/node_options.h"
#include "server/node/seams.h"
#include "storage/fs/fs.h"

namespace keelson::server {

struct RestoreOptions {
  std::string archive;
  // Names, members, token, directories; and for tests the sizes. REQUIRES: a new cluster.
  NodeOptions member;
  // For RocksDB; null: its own.
  storage::FileSystem* store_fs = nullptr;
  bool skip_checksum = false;  // of the archive as a whole; each file in it is checked always
  // The revision rises by so much, and everything up to there is compacted: nobody who has seen
  // more of the old cluster than the snapshot has takes new changes for such as it knows.
  int64_t bump_revision = 0;
  // Called now and then: of what, how much is done.
  std::function<void(const char* what, uint64_t done, uint64_t total)> progress;
};

struct Restored {
  uint64_t cluster_id = 0;
  uint64_t member_id = 0;
  int64_t revision = 0;
  int64_t keys = 0;
};

// Blocking. Errors:
//   FailedPrecondition   the data directory, or the log's, is there and not empty
//   InvalidArgument      the file is no snapshot, or the members don't name this one
//   DataLoss             the snapshot is damaged, or the disk fails
//   ResourceExhausted    no room
absl::StatusOr<Restored> RestoreMember(storage::FileSystem& fs, const RestoreOptions& options,
                                       const Random& random);

}  // namespace keelson::server
