// A transport over one accepted TCP socket.
#pragma once

#include <asio/ip/tcp.hpp>
#include <memory>
#include <string>

#include "server/rpc/transport.h"

namespace keelson::server {

class TcpTransport final : public Transport, public std::enable_shared_from_this<TcpTransport> {
 public:
  explicit TcpTransport(asio::ip::tcp::socket socket);

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

  asio::ip::tcp::socket socket_;
  std::string peer_;
  Listener* listener_ = nullptr;
  std::unique_ptr<char[]> read_buffer_;
  size_t read_capacity_ = kMinReadBytes;
  size_t wanted_capacity_ = kMinReadBytes;  // of the next read
  int short_reads_ = 0;                     // in a row, each under a quarter of the buffer
};

// "1.2.3.4:5" or "[::1]:5".
std::string FormatEndpoint(const asio::ip::tcp::endpoint& endpoint);

}  // namespace keelson::server
