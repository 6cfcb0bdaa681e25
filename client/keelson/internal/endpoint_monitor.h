// Beside a client's calls: who the members are now, and which of them is to be asked first
// (ClientOptions::sync_interval and preference).
//
//   every second: Tick() --time for it, or a member failed--> Sync() --members-->
//   EndpointSet::Replace
//                       \--time for it--> Probe() --all have answered, or not-->
//                       EndpointSet::Prefer
#pragma once

#include <memory>

#include "client/keelson/internal/core.h"

namespace keelson::client::internal {

// Does so until `core` is gone; nothing where the options ask for nothing.
void StartEndpointMonitor(const std::shared_ptr<Core>& core);

}  // namespace keelson::client::internal
