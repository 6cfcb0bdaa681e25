// The client port: gRPC over HTTP/2 and HTTP/1.1 on the same sockets, one thread, no TLS yet.
//
// Thread rule: constructed, used and destroyed on the one thread that runs `loop`; handlers and
// endpoints are called there. Nothing here blocks.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/api/call.h"
#include "server/api/http.h"
#include "server/rpc/options.h"

namespace asio {
class io_context;
}

namespace keelson::server {

class FrontEnd {
 public:
  // `methods`, `endpoints` and `loop` must outlive this object.
  FrontEnd(asio::io_context& loop, FrontEndOptions options, const MethodTable& methods,
           HttpEndpoints& endpoints);

  // Closes everything at once; open calls hear `on_end`. REQUIRES: not called from inside a
  // handler. The loop may be destroyed right after, or run on.
  ~FrontEnd();

  FrontEnd(const FrontEnd&) = delete;
  FrontEnd& operator=(const FrontEnd&) = delete;

  // Binds and starts to accept on "host:port" ("127.0.0.1:2379", "[::1]:2379", "localhost:2379",
  // ":2379"; port 0 takes a free one) or on a Unix socket ("unix:/run/kvd.sock"; one that nobody
  // listens on any more is replaced). A name is resolved here, blocking, so call it at start-up.
  // May be called several times. The error names the endpoint.
  absl::Status Listen(std::string_view endpoint);

  // What is listened on, as "ip:port" with the real port or "unix:PATH", in the order of Listen.
  std::vector<std::string> addresses() const;

  // Writes now what the calls of this turn have queued: one write per connection. It happens by
  // itself at the end of each loop turn; a node that ends its turn earlier may call it.
  // May call handlers' on_writable and on_end. REQUIRES: not called from inside a handler.
  void FlushDirty();

  // Stops accepting, tells clients to go (GOAWAY), lets open calls end for `grace`, then ends them.
  // Calls `done` once, on the loop, when the last connection is closed. A second call only shortens
  // the grace.
  void Shutdown(std::chrono::milliseconds grace, std::function<void()> done);

  FrontEndStats stats() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace keelson::server
