// The bytes of a Configuration, in config entries, snapshots and the meta store.
//
//   version    1 byte, = 1
//   flags      1 byte, bit 0 = auto_leave, others 0
//   count      varint, number of members
//   per member, ascending by id:
//     id           8 bytes little endian, not 0
//     roles        1 byte: 1 voter, 2 outgoing voter, 4 learner, 8 learner next
//     incarnation  8 bytes little endian
//     name         varint length, bytes
//     peer urls    varint count, each varint length, bytes
//     client urls  the same
//   removed    varint count, each 8 bytes little endian, ascending
//
// Nothing follows. A varint is the base-128 form of protobuf, as short as it can be; the bounds of
// the counts and lengths are the constants of Configuration. Equal configurations have equal bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "raft/config.h"

namespace keelson::raft {

inline constexpr uint8_t kConfigurationFormat = 1;

// REQUIRES: ValidateConfiguration is OK.
std::string EncodeConfiguration(const Configuration& configuration);

// Any bytes are safe. DataLoss when they are no configuration, Unimplemented for a later version;
// what it returns passes ValidateConfiguration.
absl::StatusOr<Configuration> DecodeConfiguration(std::string_view bytes);

}  // namespace keelson::raft
