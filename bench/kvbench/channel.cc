#include "bench/kvbench/channel.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "bench/kvbench/text.h"

namespace keelson::kvbench {
namespace {

constexpr std::string_view kScheme = "http://";
constexpr size_t kBufferSize = 256 << 10;
// One round of reading does not starve the other connections.
constexpr int kMaxReadsPerRound = 8;

// A non-blocking socket on its way to the endpoint; -1 with `reason` set on failure.
int StartConnect(const Endpoint& endpoint, std::string& reason) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(endpoint.port);
  const int error = getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) {
    reason = Concat("cannot resolve ", endpoint.host, ": ", gai_strerror(error));
    return -1;
  }
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    freeaddrinfo(found);
    reason = Concat("socket: ", strerror(errno));
    return -1;
  }
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  const int result = connect(fd, found->ai_addr, found->ai_addrlen);
  const int connect_error = errno;
  freeaddrinfo(found);
  if (result == 0 || connect_error == EINPROGRESS) return fd;
  reason = Concat("connect to ", endpoint.ToString(), ": ", strerror(connect_error));
  close(fd);
  return -1;
}

}  // namespace

absl::StatusOr<std::vector<Endpoint>> ParseEndpoints(std::string_view text) {
  std::vector<Endpoint> endpoints;
  for (std::string_view part : Split(text, ',')) {
    if (part.substr(0, kScheme.size()) == kScheme) part.remove_prefix(kScheme.size());
    const size_t colon = part.rfind(':');
    Endpoint endpoint;
    if (colon != std::string_view::npos && colon > 0) {
      endpoint.host = std::string(part.substr(0, colon));
      ParseNumber(part.substr(colon + 1), endpoint.port);
    }
    if (endpoint.port == 0) {
      return absl::InvalidArgumentError(Concat("--endpoints: '", part, "' is not host:port"));
    }
    endpoints.push_back(std::move(endpoint));
  }
  if (endpoints.empty()) return absl::InvalidArgumentError("--endpoints names no endpoint");
  return endpoints;
}

Channel::Channel(size_t index, Poller* poller, StreamHandler* handler, ChannelOwner* owner)
    : index_(index),
      poller_(poller),
      handler_(handler),
      owner_(owner),
      buffer_(std::make_unique<char[]>(kBufferSize)) {}

Channel::~Channel() {
  if (fd_ >= 0) close(fd_);
}

void Channel::Connect(const Endpoint& endpoint) {
  if (state_ != State::kDown) Disconnect("reconnecting");
  std::string reason;
  fd_ = StartConnect(endpoint, reason);
  if (fd_ < 0) {
    owner_->OnDown(index_, reason);
    return;
  }
  state_ = State::kConnecting;
  h2_ = std::make_unique<H2Connection>(endpoint.ToString(), handler_);
  written_ = 0;
  buffered_ = 0;
  wants_write_ = true;
  reads_ = true;
  poller_->Add(fd_, EPOLLIN | EPOLLOUT, this);
}

void Channel::Disconnect(const std::string& reason) {
  if (state_ == State::kDown) return;
  poller_->Remove(fd_);
  close(fd_);
  fd_ = -1;
  state_ = State::kDown;
  h2_->FailAll({kConnectionLost, reason});
  owner_->OnDown(index_, reason);
}

bool Channel::FinishConnect() {
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    Disconnect(Concat("connect: ", strerror(error)));
    return false;
  }
  state_ = State::kUp;
  owner_->OnUp(index_);
  return state_ == State::kUp;
}

void Channel::OnEvents(uint32_t events) {
  if (state_ == State::kDown) return;
  if (state_ == State::kConnecting) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0 || !FinishConnect()) return;
  }
  if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0 && !Read()) return;
  Flush();
}

// False when the connection went down.
bool Channel::Read() {
  for (int round = 0; round < kMaxReadsPerRound; ++round) {
    const size_t room = kBufferSize - buffered_;
    const ssize_t got = recv(fd_, buffer_.get() + buffered_, room, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (got <= 0) {
      Disconnect(got == 0 ? "closed by the server" : strerror(errno));
      return false;
    }
    buffered_ += static_cast<size_t>(got);
    const absl::StatusOr<size_t> used = h2_->Feed({buffer_.get(), buffered_});
    if (state_ != State::kUp) return false;
    if (!used.ok()) {
      Disconnect(std::string(used.status().message()));
      return false;
    }
    buffered_ -= *used;
    std::memmove(buffer_.get(), buffer_.get() + *used, buffered_);
    if (static_cast<size_t>(got) < room) break;
  }
  if (h2_->going_away() && h2_->open_streams() == 0) {
    Disconnect("server is going away");
    return false;
  }
  return true;
}

void Channel::Flush() {
  if (state_ != State::kUp) return;
  std::string& output = h2_->output();
  while (written_ < output.size()) {
    const ssize_t sent =
        send(fd_, output.data() + written_, output.size() - written_, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return Watch(true);
    if (sent < 0) return Disconnect(strerror(errno));
    written_ += static_cast<size_t>(sent);
  }
  output.clear();
  written_ = 0;
  Watch(false);
}

void Channel::Watch(bool writable) {
  if (wants_write_ == writable) return;
  wants_write_ = writable;
  poller_->Modify(fd_, Interest(), this);
}

uint32_t Channel::Interest() const {
  return (reads_ ? uint32_t{EPOLLIN} : 0) | (wants_write_ ? uint32_t{EPOLLOUT} : 0);
}

void Channel::StopReading() {
  reads_ = false;
  poller_->Modify(fd_, Interest(), this);
}

}  // namespace keelson::kvbench
