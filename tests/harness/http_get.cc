#include "tests/harness/http_get.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace keelson::testing {
namespace {

absl::Status Errno(const char* what, int port) {
  return absl::UnavailableError(absl::StrCat(what, " 127.0.0.1:", port, ": ", strerror(errno)));
}

// A connected socket whose operations give up after `timeout`.
absl::StatusOr<int> Connect(int port, absl::Duration timeout) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return Errno("socket for", port);
  const timeval limit = absl::ToTimeval(timeout);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return fd;
  const absl::Status status = Errno("connect to", port);
  close(fd);
  return status;
}

}  // namespace

absl::StatusOr<HttpAnswer> HttpGet(int port, const std::string& path, absl::Duration timeout) {
  const auto fd = Connect(port, timeout);
  if (!fd.ok()) return fd.status();
  const std::string request =
      absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  std::string answer;
  if (send(*fd, request.data(), request.size(), MSG_NOSIGNAL) ==
      static_cast<ssize_t>(request.size())) {
    char buffer[4096];
    ssize_t got = 0;
    while ((got = recv(*fd, buffer, sizeof(buffer), 0)) > 0) answer.append(buffer, got);
  }
  close(*fd);
  HttpAnswer result;
  if (sscanf(answer.c_str(), "HTTP/1.%*d %d", &result.status) != 1) {
    return absl::UnavailableError(absl::StrCat("127.0.0.1:", port, " gave no HTTP answer"));
  }
  const size_t body = answer.find("\r\n\r\n");
  if (body != std::string::npos) result.body = answer.substr(body + 4);
  return result;
}

}  // namespace keelson::testing
