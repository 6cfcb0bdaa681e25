// etcdserverpb.Watch/Watch: one bidirectional stream of many watchers.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "server/api/call.h"
#include "server/watch/watch_hub.h"

namespace keelson::server {

// Decodes WatchRequests and drives the hub. Loop thread only.
class WatchService {
 public:
  struct Hooks {
    // Checks the right to read [key, range_end) at creation; unset = everything is allowed. The
    // refusal goes into cancel_reason as "rpc error: code = CODE desc = TEXT".
    std::function<absl::Status(const CallContext&, const WatchRequestCreate&)> permit;
  };

  // `hub` outlives the service; the service outlives its calls.
  explicit WatchService(WatchHub& hub, Hooks hooks = {});

  // The path, kind and start function for the method table. Valid as long as the service.
  Method WatchMethod();

  // Starts one Watch call. It ends by the client's cancel, by an undecodable message (Internal),
  // once there is no leader where one is required (Unavailable), or by WatchHub::EndAll. A
  // half-close by the client ends nothing.
  void Start(std::shared_ptr<Call> call);

 private:
  class Session;
  WatchHub& hub_;
  Hooks hooks_;
};

}  // namespace keelson::server
