#include "server/rpc/socket_transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace keelson::server {
namespace {

constexpr size_t kMaxPieces = 64;

enum class SendResult { kAll, kFull, kBroken };

// One sendmsg from the front of `out`, which loses what was taken.
SendResult SendPieces(int descriptor, OutputQueue& out) {
  std::array<std::string_view, kMaxPieces> views;
  std::array<iovec, kMaxPieces> pieces;
  const size_t count = out.Gather(views);
  size_t offered = 0;
  for (size_t i = 0; i < count; ++i) {
    pieces[i] = {const_cast<char*>(views[i].data()), views[i].size()};
    offered += views[i].size();
  }
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = count;
  ssize_t sent;
  do {
    sent = ::sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) {
    return errno == EAGAIN || errno == EWOULDBLOCK ? SendResult::kFull : SendResult::kBroken;
  }
  out.Consume(static_cast<size_t>(sent));
  return static_cast<size_t>(sent) == offered ? SendResult::kAll : SendResult::kFull;
}

// A peer that vanished without a word (its host died, a router forgot the connection) ends the
// connection after a minute and a half: a stream of answers that nobody hears costs memory until
// then.
void NoticeDeadPeers(int descriptor) {
  constexpr int kOn = 1, kIdleSeconds = 30, kIntervalSeconds = 10, kProbes = 6;
  setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &kOn, sizeof(kOn));
  setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &kIdleSeconds, sizeof(kIdleSeconds));
  setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &kIntervalSeconds, sizeof(kIntervalSeconds));
  setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPCNT, &kProbes, sizeof(kProbes));
}

}  // namespace

SocketTransport::SocketTransport(asio::generic::stream_protocol::socket socket)
    : socket_(std::move(socket)) {
  asio::error_code error;
  const auto endpoint = socket_.remote_endpoint(error);
  if (!error) peer_ = FormatEndpoint(endpoint);
  // A Unix socket has no such options, and no need of them.
  socket_.set_option(asio::ip::tcp::no_delay(true), error);
  NoticeDeadPeers(socket_.native_handle());
  socket_.non_blocking(true, error);
}

void SocketTransport::ReadOnce() {
  if (!socket_.is_open()) return;
  if (!read_buffer_ || read_capacity_ != wanted_capacity_) {
    read_capacity_ = wanted_capacity_;
    read_buffer_ = std::make_unique<char[]>(read_capacity_);
  }
  socket_.async_read_some(asio::buffer(read_buffer_.get(), read_capacity_),
                          [self = shared_from_this()](const asio::error_code& error, size_t count) {
                            self->FinishRead(error, count);
                          });
}

void SocketTransport::FinishRead(const asio::error_code& error, size_t count) {
  if (!socket_.is_open() || listener_ == nullptr) return;
  if (error == asio::error::eof) return listener_->OnEof();
  if (error) return listener_->OnBroken();
  AdaptReadBuffer(count);
  listener_->OnBytes(std::string_view(read_buffer_.get(), count));
}

void SocketTransport::AdaptReadBuffer(size_t count) {
  constexpr int kShrinkAfter = 64;
  if (count == read_capacity_) {
    wanted_capacity_ = std::min(read_capacity_ * 4, kMaxReadBytes);
    short_reads_ = 0;
  } else if (count >= read_capacity_ / 4) {
    short_reads_ = 0;
  } else if (++short_reads_ == kShrinkAfter) {
    wanted_capacity_ = std::max(read_capacity_ / 4, kMinReadBytes);
    short_reads_ = 0;
  }
}

bool SocketTransport::Write(OutputQueue& out) {
  while (!out.empty() && socket_.is_open()) {
    switch (SendPieces(socket_.native_handle(), out)) {
      case SendResult::kAll:
        break;
      case SendResult::kFull:
        WaitWritable();
        return false;
      case SendResult::kBroken:
        asio::post(socket_.get_executor(), [self = shared_from_this()] { self->ReportBroken(); });
        return false;
    }
  }
  return out.empty();
}

void SocketTransport::WaitWritable() {
  socket_.async_wait(asio::socket_base::wait_write,
                     [self = shared_from_this()](const asio::error_code& error) {
                       if (error) return self->ReportBroken();
                       if (!self->socket_.is_open() || self->listener_ == nullptr) return;
                       self->listener_->OnWritable();
                     });
}

void SocketTransport::ReportBroken() {
  if (socket_.is_open() && listener_ != nullptr) listener_->OnBroken();
}

void SocketTransport::ShutdownWrite() {
  asio::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

void SocketTransport::Close() {
  asio::error_code ignored;
  socket_.close(ignored);
}

std::string FormatEndpoint(const asio::generic::stream_protocol::endpoint& endpoint) {
  const auto* name = static_cast<const sockaddr*>(endpoint.data());
  if (endpoint.size() >= sizeof(sa_family_t) && name->sa_family == AF_UNIX) {
    sockaddr_un unix_name{};
    std::memcpy(&unix_name, endpoint.data(), std::min(endpoint.size(), sizeof(unix_name)));
    return absl::StrCat("unix:", unix_name.sun_path[0] == '\0' ? "@" : unix_name.sun_path);
  }
  asio::ip::tcp::endpoint internet;
  if (endpoint.size() > internet.capacity()) return "";
  std::memcpy(internet.data(), endpoint.data(), endpoint.size());
  const std::string address = internet.address().to_string();
  if (internet.address().is_v6()) return absl::StrCat("[", address, "]:", internet.port());
  return absl::StrCat(address, ":", internet.port());
}

}  // namespace keelson::server
