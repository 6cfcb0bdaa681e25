// One snapshot of one member, from its stream to the caller's thread.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "client/keelson/internal/core.h"
#include "client/keelson/maintenance.h"

namespace keelson::client::internal {

// Blocks until it is over; see Maintenance::Snapshot. The sink's pace holds the member back.
absl::Status FetchSnapshot(Core& core, const std::string& endpoint,
                           const Maintenance::SnapshotSink& sink, const CallOptions& call);

}  // namespace keelson::client::internal
