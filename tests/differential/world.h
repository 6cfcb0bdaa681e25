// What the driver knows of the stores while it makes up requests: so that it hits live keys, kept
// and dropped revisions, and leases that exist. Taken from the reference's answers.
#pragma once

#include <cstdint>
#include <vector>

#include "proto/etcd/v3election.pb.h"

namespace keelson::differential {

struct World {
  int64_t revision = 1;   // the store's current one
  int64_t compacted = 0;  // the last compaction's; 0 for none
  // Leases that exist, by the driver's own ids. Those below kFirstHandle are the ids on the wire,
  // too; the others were picked by the servers, each its own.
  std::vector<int64_t> leases = {};
  int64_t next_lease = 1001;
  int64_t next_handle = kFirstHandle;

  // Leaderships that were won, whether or not they still hold.
  std::vector<v3electionpb::LeaderKey> leader_keys = {};

  static constexpr int64_t kFirstHandle = 900001;
};

}  // namespace keelson::differential
