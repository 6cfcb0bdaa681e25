// A socket that is listened on: of TCP, or of a Unix path.
#pragma once

#include <asio/basic_socket_acceptor.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace asio {
class io_context;
}

namespace keelson::server {

class ListeningSocket {
 public:
  using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;

  // `endpoint` as of FrontEnd::Listen. The error names it.
  static absl::StatusOr<ListeningSocket> Open(asio::io_context& loop, std::string_view endpoint);

  // A Unix path goes with its socket.
  ~ListeningSocket();
  ListeningSocket(ListeningSocket&& other) noexcept = default;
  ListeningSocket& operator=(ListeningSocket&&) = delete;

  Acceptor& acceptor() { return acceptor_; }
  // "ip:port" with the real port, or "unix:PATH".
  std::string address() const;

 private:
  ListeningSocket(Acceptor acceptor, std::string path);

  Acceptor acceptor_;
  std::string path_;  // "" for TCP, and after a move
};

}  // namespace keelson::server
