// The members' addresses as a client knows them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"

namespace keelson::client {

// What a client knows of one address.
struct EndpointState {
  std::string address = {};
  bool in_use = false;   // asked first
  bool resting = false;  // failed lately; not asked while another one is not
  // Of the last look at it (ClientOptions::probe_interval); absent before, and if it did not
  // answer.
  std::optional<absl::Duration> latency = {};
  uint64_t applied_index = 0;
};

}  // namespace keelson::client
