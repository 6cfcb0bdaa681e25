// Which log entries this version reads and writes.
#pragma once

#include <cstdint>

namespace keelson::server {

// 1: every kind of keelson.v1.LogEntry but LeaseCheckpoint.
// 2: LeaseCheckpoint; an alarm CORRUPT of a member takes only that member out of service.
// 3: RequestId; a forwarded proposal is for one term.
//
// A new kind, or a new meaning of a field, gets the next number, and is proposed, or means it, only
// once the cluster's version (ClusterFacts::version) has reached it: then every member reads it.
inline constexpr uint32_t kFirstEntryVersion = 1;
inline constexpr uint32_t kEntryVersion = 3;
inline constexpr uint32_t kOneMemberCorruptVersion = 2;
inline constexpr uint32_t kLeaseCheckpointVersion = 2;
inline constexpr uint32_t kForwardTermVersion = 3;
inline constexpr uint32_t kRequestIdVersion = 3;

}  // namespace keelson::server
