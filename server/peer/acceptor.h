// Listens on this member's peer URLs.
#pragma once

#include <asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/loop/asio_loop.h"
#include "server/peer/peer_stream.h"

namespace keelson::server {

// Loop thread only.
class Acceptor {
 public:
  // Called on the loop for each connection.
  using OnStream = std::function<void(std::unique_ptr<PeerStream>)>;

  // `loop` outlives the acceptor.
  Acceptor(AsioLoop& loop, Duration dead_after, OnStream on_stream);
  ~Acceptor();  // closes

  // Binds one URL and accepts from now on. The host may be a name (resolved here, blocking) or an
  // address; port 0 lets the kernel choose. InvalidArgument for the URL, Unavailable when the
  // address can't be bound.
  absl::Status Listen(const std::string& url);

  // What is listened on, with the ports that the kernel chose.
  const std::vector<std::string>& urls() const { return urls_; }

  void Close();

 private:
  struct Socket;
  absl::Status Bind(const std::string& url, const asio::ip::tcp::endpoint& endpoint,
                    const std::string& host);
  static void AcceptNext(const std::shared_ptr<Socket>& socket);

  AsioLoop& loop_;
  const Duration dead_after_;
  OnStream on_stream_;
  std::vector<std::shared_ptr<Socket>> sockets_;
  std::vector<std::string> urls_;
};

}  // namespace keelson::server
