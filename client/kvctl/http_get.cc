#include "client/kvctl/http_get.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

namespace keelson::kvctl {
namespace {

constexpr size_t kMost = 32 << 20;

// A connection that never blocks beyond its deadline.
class Socket {
 public:
  Socket(int fd, absl::Time deadline) : fd_(fd), deadline_(deadline) {}
  ~Socket() { close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  absl::Status Connect(const addrinfo& address) {
    if (connect(fd_, address.ai_addr, address.ai_addrlen) == 0) return absl::OkStatus();
    if (errno != EINPROGRESS) return Failed("connect");
    if (auto status = WaitFor(POLLOUT); !status.ok()) return status;
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    errno = error;
    return error == 0 ? absl::OkStatus() : Failed("connect");
  }

  absl::Status Send(std::string_view bytes) {
    while (!bytes.empty()) {
      if (auto status = WaitFor(POLLOUT); !status.ok()) return status;
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EINTR && errno != EAGAIN) return Failed("send");
      if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return absl::OkStatus();
  }

  // Everything until the other side closes.
  absl::StatusOr<std::string> ReadAll() {
    std::string answer;
    while (answer.size() <= kMost) {
      if (auto status = WaitFor(POLLIN); !status.ok()) return status;
      std::array<char, 16384> buffer;
      const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
      if (got == 0) return answer;
      if (got < 0 && errno != EINTR && errno != EAGAIN) return Failed("read");
      if (got > 0) answer.append(buffer.data(), static_cast<size_t>(got));
    }
    return absl::ResourceExhaustedError("the answer is above 32 MiB");
  }

 private:
  static absl::Status Failed(const char* what) {
    return absl::UnavailableError(absl::StrCat("can't ", what, ": ", std::strerror(errno)));
  }

  absl::Status WaitFor(int16_t events) {
    while (true) {
      const auto left =
          std::clamp<int64_t>(absl::ToInt64Milliseconds(deadline_ - absl::Now()), 0, 1 << 30);
      pollfd one{.fd = fd_, .events = events, .revents = 0};
      const int ready = poll(&one, 1, static_cast<int>(left));
      if (ready > 0) return absl::OkStatus();
      if (ready == 0) return absl::DeadlineExceededError("no answer in time");
      if (errno != EINTR) return Failed("wait");
    }
  }

  const int fd_;
  const absl::Time deadline_;
};

struct Address {
  std::string host;
  std::string port;
};

absl::StatusOr<Address> Split(std::string endpoint) {
  if (absl::StartsWith(endpoint, "http://")) endpoint.erase(0, 7);
  while (!endpoint.empty() && endpoint.back() == '/') endpoint.pop_back();
  const size_t colon = endpoint.rfind(':');
  if (colon == std::string::npos || absl::StrContains(endpoint, "://")) {
    return absl::InvalidArgumentError(absl::StrCat(endpoint, " is not HOST:PORT"));
  }
  std::string host = endpoint.substr(0, colon);
  if (host.size() > 2 && host[0] == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  return Address{.host = host, .port = endpoint.substr(colon + 1)};
}

absl::StatusOr<HttpAnswer> Parse(const std::string& text) {
  HttpAnswer answer;
  const size_t end = text.find("\r\n\r\n");
  const std::vector<std::string> lines = absl::StrSplit(text.substr(0, end), "\r\n");
  const std::vector<std::string> words = absl::StrSplit(lines[0], ' ');
  const bool http = absl::StartsWith(text, "HTTP/1.") && words.size() >= 2 &&
                    absl::SimpleAtoi(words[1], &answer.status);
  if (!http || end == std::string::npos) return absl::UnavailableError("this is no HTTP answer");
  for (const std::string& line : lines) {
    const std::pair<std::string, std::string> field = absl::StrSplit(line, absl::MaxSplits(':', 1));
    if (absl::EqualsIgnoreCase(field.first, "date")) {
      answer.date = std::string(absl::StripAsciiWhitespace(field.second));
    }
  }
  answer.body = text.substr(end + 4);
  return answer;
}

}  // namespace

absl::StatusOr<HttpAnswer> HttpGet(const std::string& endpoint, const std::string& path,
                                   absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  const auto address = Split(endpoint);
  if (!address.ok()) return address.status();
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(address->host.c_str(), address->port.c_str(), &hints, &found);
  if (error != 0) return absl::UnavailableError(absl::StrCat(endpoint, ": ", gai_strerror(error)));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, freeaddrinfo);
  absl::Status status = absl::UnavailableError("no address");
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    const int fd = socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) continue;
    Socket socket(fd, deadline);
    status = socket.Connect(*one);
    if (!status.ok()) continue;
    // HTTP/1.0: the answer comes whole, not in chunks, and the connection is closed behind it.
    status = socket.Send(absl::StrCat("GET ", path, " HTTP/1.0\r\nHost: ", address->host, ":",
                                      address->port, "\r\nConnection: close\r\n\r\n"));
    if (!status.ok()) continue;
    const auto answer = socket.ReadAll();
    return answer.ok() ? Parse(*answer) : answer.status();
  }
  return status;
}

}  // namespace keelson::kvctl
