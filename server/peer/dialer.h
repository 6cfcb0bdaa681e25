// Makes one connection to one of a peer's URLs.
#pragma once

#include <asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/loop/asio_loop.h"
#include "server/peer/peer_stream.h"
#include "server/peer/peer_url.h"

namespace keelson::server {

// One attempt. Loop thread only; owned by a shared_ptr.
class Dialer : public std::enable_shared_from_this<Dialer> {
 public:
  using Done = std::function<void(absl::StatusOr<std::unique_ptr<PeerStream>>)>;

  // `loop` outlives the dialer. `dead_after` is for the stream (MakeTcpStream).
  Dialer(AsioLoop& loop, Duration dead_after);

  // Resolves the host and tries its addresses in turn. `done` is called once, on the loop and never
  // from inside Start; not at all after Cancel. Unavailable or DeadlineExceeded, with the URL.
  // REQUIRES: called once.
  void Start(PeerUrl url, Duration timeout, Done done);
  void Cancel();

 private:
  void Resolve();
  void Connect(std::vector<asio::ip::tcp::endpoint> endpoints);
  void Finish(const std::error_code& error);
  void Fail(absl::Status status);

  AsioLoop& loop_;
  const Duration dead_after_;
  PeerUrl url_;
  Done done_;  // null: finished or cancelled
  asio::ip::tcp::resolver resolver_;
  asio::ip::tcp::socket socket_;
  std::vector<asio::ip::tcp::endpoint> endpoints_;
  Loop::TimerId timer_ = 0;
};

}  // namespace keelson::server
