#include "server/peer/tcp_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <utility>

namespace keelson::server {
namespace {

class TcpStream final : public PeerStream {
 public:
  explicit TcpStream(asio::ip::tcp::socket socket) : socket_(std::move(socket)) {}

  void Read(absl::Span<char> space, std::function<void(std::error_code, size_t)> done) override {
    socket_.async_read_some(asio::buffer(space.data(), space.size()), std::move(done));
  }

  size_t Write(absl::Span<const std::string_view> pieces, std::error_code& error) override {
    std::array<asio::const_buffer, kMaxWritePieces> buffers;
    const size_t count = std::min(pieces.size(), buffers.size());
    for (size_t i = 0; i < count; ++i) {
      buffers[i] = asio::const_buffer(pieces[i].data(), pieces[i].size());
    }
    const size_t written = socket_.write_some(absl::MakeConstSpan(buffers.data(), count), error);
    if (error == asio::error::would_block || error == asio::error::try_again) error.clear();
    return written;
  }

  void WhenWritable(std::function<void(std::error_code)> done) override {
    socket_.async_wait(asio::socket_base::wait_write, std::move(done));
  }

  void Close() override {
    std::error_code ignored;
    socket_.close(ignored);
  }

 private:
  asio::ip::tcp::socket socket_;
};

template <int kName>
using TcpOption = asio::detail::socket_option::integer<IPPROTO_TCP, kName>;

}  // namespace

std::unique_ptr<PeerStream> MakeTcpStream(asio::ip::tcp::socket socket, Duration dead_after) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(dead_after);
  const int probe_seconds = static_cast<int>(std::max<int64_t>(1, milliseconds.count() / 3000));
  // A socket that refuses an option is closed already; the first read tells.
  std::error_code ignored;
  socket.non_blocking(true, ignored);
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  socket.set_option(TcpOption<TCP_KEEPIDLE>(probe_seconds), ignored);
  socket.set_option(TcpOption<TCP_KEEPINTVL>(probe_seconds), ignored);
  socket.set_option(TcpOption<TCP_KEEPCNT>(2), ignored);
  socket.set_option(TcpOption<TCP_USER_TIMEOUT>(static_cast<int>(milliseconds.count())), ignored);
  return std::make_unique<TcpStream>(std::move(socket));
}

}  // namespace keelson::server
