#include "server/rpc/tcp_transport.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <asio/post.hpp>
#include <cerrno>
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

}  // namespace

TcpTransport::TcpTransport(asio::ip::tcp::socket socket) : socket_(std::move(socket)) {
  asio::error_code error;
  const auto endpoint = socket_.remote_endpoint(error);
  if (!error) peer_ = FormatEndpoint(endpoint);
  socket_.set_option(asio::ip::tcp::no_delay(true), error);
  socket_.non_blocking(true, error);
}

void TcpTransport::ReadOnce() {
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

void TcpTransport::FinishRead(const asio::error_code& error, size_t count) {
  if (!socket_.is_open() || listener_ == nullptr) return;
  if (error == asio::error::eof) return listener_->OnEof();
  if (error) return listener_->OnBroken();
  AdaptReadBuffer(count);
  listener_->OnBytes(std::string_view(read_buffer_.get(), count));
}

void TcpTransport::AdaptReadBuffer(size_t count) {
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

bool TcpTransport::Write(OutputQueue& out) {
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

void TcpTransport::WaitWritable() {
  socket_.async_wait(asio::ip::tcp::socket::wait_write,
                     [self = shared_from_this()](const asio::error_code& error) {
                       if (error) return self->ReportBroken();
                       if (!self->socket_.is_open() || self->listener_ == nullptr) return;
                       self->listener_->OnWritable();
                     });
}

void TcpTransport::ReportBroken() {
  if (socket_.is_open() && listener_ != nullptr) listener_->OnBroken();
}

void TcpTransport::ShutdownWrite() {
  asio::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

void TcpTransport::Close() {
  asio::error_code ignored;
  socket_.close(ignored);
}

std::string FormatEndpoint(const asio::ip::tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  if (endpoint.address().is_v6()) return absl::StrCat("[", address, "]:", endpoint.port());
  return absl::StrCat(address, ":", endpoint.port());
}

}  // namespace keelson::server
