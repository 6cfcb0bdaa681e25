#include "tests/harness/tcp_proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/check.h"

namespace keelson::testing {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

int NewSocket() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  KEELSON_CHECK(fd >= 0, "a test can have a socket");
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

int Listen(int port) {
  const int fd = NewSocket();
  const sockaddr_in address = Loopback(port);
  KEELSON_CHECK(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0,
                "the port is free");
  KEELSON_CHECK(listen(fd, 64) == 0, "a bound socket listens");
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

}  // namespace

struct TcpProxy::Link {
  Link(int client, int server) : ends{client, server} {}
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  int ends[2];
  std::string waiting[2] = {};  // by who has sent it
  bool broken = false;

  ~Link() {
    for (const int end : ends) close(end);
  }

  // What `from` has sent goes to the other, as far as it takes it.
  void Forward(int from, short events) {
    char buffer[1 << 16];
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) {
      const ssize_t got = recv(ends[from], buffer, sizeof(buffer), 0);
      if (got > 0) {
        waiting[from].append(buffer, static_cast<size_t>(got));
      } else if (got == 0 || errno != EAGAIN) {
        broken = true;
      }
    }
    if (waiting[from].empty()) return;
    const ssize_t sent =
        send(ends[1 - from], waiting[from].data(), waiting[from].size(), MSG_NOSIGNAL);
    if (sent > 0) waiting[from].erase(0, static_cast<size_t>(sent));
    if (sent < 0 && errno != EAGAIN) broken = true;
  }

  pollfd Wish(int end) const {
    short events = waiting[end].empty() ? POLLIN : 0;
    if (!waiting[1 - end].empty()) events |= POLLOUT;
    return {.fd = ends[end], .events = events, .revents = 0};
  }
};

TcpProxy::TcpProxy(const std::vector<std::pair<int, int>>& ports) {
  for (const auto& [port, target] : ports) listeners_.push_back({Listen(port), target});
  KEELSON_CHECK(pipe2(wake_, O_CLOEXEC | O_NONBLOCK) == 0, "a test can have a pipe");
  thread_ = std::thread([this] { Run(); });
}

TcpProxy::~TcpProxy() {
  ended_ = true;
  SetOpen(false);
  thread_.join();
  for (const Listener& listener : listeners_) close(listener.socket);
  for (const int end : wake_) close(end);
}

void TcpProxy::SetOpen(bool open) {
  open_ = open;
  Wake();
}

void TcpProxy::Break() {
  break_ = true;
  Wake();
}

void TcpProxy::Wake() {
  // A full pipe wakes, too.
  if (write(wake_[1], "", 1) < 0) KEELSON_CHECK(errno == EAGAIN, "a pipe takes a byte");
}

void TcpProxy::Accept(const Listener& listener) {
  const int client = accept4(listener.socket, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0) return;
  const int server = NewSocket();
  const sockaddr_in address = Loopback(listener.target);
  if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    close(server);
    close(client);
    return;
  }
  fcntl(server, F_SETFL, O_NONBLOCK);
  links_.emplace_back(client, server);
}

void TcpProxy::Run() {
  while (!ended_) {
    std::vector<pollfd> polled = {{.fd = wake_[0], .events = POLLIN, .revents = 0}};
    const bool open = open_;
    if (open) {
      for (const Listener& listener : listeners_) {
        polled.push_back({.fd = listener.socket, .events = POLLIN, .revents = 0});
      }
      for (const Link& link : links_) {
        polled.push_back(link.Wish(0));
        polled.push_back(link.Wish(1));
      }
    }
    poll(polled.data(), polled.size(), -1);
    char bytes[64];
    while (read(wake_[0], bytes, sizeof(bytes)) > 0) {
    }
    if (break_.exchange(false)) {
      links_.clear();
      continue;
    }
    if (!open || !open_) continue;
    size_t at = 1 + listeners_.size();
    for (Link& link : links_) {
      for (const int end : {0, 1}) link.Forward(end, polled[at++].revents);
    }
    links_.remove_if([](const Link& link) { return link.broken; });
    for (size_t i = 0; i < listeners_.size(); ++i) {
      if (polled[1 + i].revents != 0) Accept(listeners_[i]);
    }
  }
}

}  // namespace keelson::testing
