// A transport over one accepted stream socket: TCP, or one of a Unix path.
#pragma once

#include <asio/generic/stream_protocol.hpp>
#include <memory>
#include <string>

#include "server/rpc/transport.h"

namespace keelson::server {

class SocketTransport final : public Transport,
                              public std::enable_shared_from_this<SocketTransport> {
 public:
  explicit SocketTransport(asio::generic::stream_protocol::socket socket);

  void SetListener(Listener* listener) override { listener_ = listener; }
  void ReadOnce() override;
  bool Write(OutputQueue& out) override;
  void ShutdownWrite() override;
  void Close() override;
  const std::string& peer() const override { return peer_; }

 private:
  // An idle connection holds the small buffer; one that fills it gets larger ones.
  static constexpr size_t kMinReadBytes = 4 << 10;
  static constexpr size_t kMaxReadBytes = 64 << 10;

  void FinishRead(const asio::error_code& error, size_t count);
  void AdaptReadBuffer(size_t count);
  void WaitWritable();
  void ReportBroken();

  asio::generic::stream_protocol::socket socket_;
  std::string peer_;
  Listener* listener_ = nullptr;
  std::unique_ptr<char[]> read_buffer_;
  size_t read_capacity_ = kMinReadBytes;
  size_t wanted_capacity_ = kMinReadBytes;  // of the next read
  int short_reads_ = 0;                     // in a row, each under a quarter of the buffer
};

// "1.2.3.4:5", "[::1]:5", "unix:/run/kvd.sock"; "unix:@" for a Unix socket without a path, as
// clients have.
std::string FormatEndpoint(const asio::generic::stream_protocol::endpoint& endpoint);

}  // namespace keelson::server
