#include "tests/harness/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace keelson::testing {
namespace {

absl::Status Errno(const char* what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", strerror(errno)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpClient>> HttpClient::Connect(int port, absl::Duration timeout) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return Errno("socket");
  std::unique_ptr<HttpClient> client(new HttpClient(fd));
  const timeval limit = absl::ToTimeval(timeout);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return Errno("connect");
  }
  return client;
}

HttpClient::~HttpClient() { close(fd_); }

absl::Status HttpClient::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return Errno("send");
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return absl::OkStatus();
}

absl::Status HttpClient::SendPost(const std::string& path, const std::string& body,
                                  const std::string& fields) {
  return Write(absl::StrCat("POST ", path, " HTTP/1.1\r\nHost: localhost\r\nContent-Length: ",
                            body.size(), "\r\n", fields, "\r\n", body));
}

absl::Status HttpClient::Fill() {
  char buffer[16384];
  const ssize_t got = recv(fd_, buffer, sizeof(buffer), 0);
  if (got < 0) return Errno("recv");
  if (got == 0) return absl::UnavailableError("the server has closed the connection");
  input_.append(buffer, static_cast<size_t>(got));
  return absl::OkStatus();
}

absl::StatusOr<std::string> HttpClient::TakeLine() {
  size_t end = 0;
  while ((end = input_.find("\r\n")) == std::string::npos) {
    if (const auto status = Fill(); !status.ok()) return status;
  }
  std::string line = input_.substr(0, end);
  input_.erase(0, end + 2);
  return line;
}

absl::StatusOr<std::string> HttpClient::TakeBytes(size_t count) {
  while (input_.size() < count) {
    if (const auto status = Fill(); !status.ok()) return status;
  }
  std::string bytes = input_.substr(0, count);
  input_.erase(0, count);
  return bytes;
}

absl::StatusOr<std::string> HttpClient::TakeChunk() {
  const auto size = TakeLine();
  if (!size.ok()) return size;
  auto bytes = TakeBytes(std::strtoul(size->c_str(), nullptr, 16));
  if (!bytes.ok()) return bytes;
  // The last one is followed by trailers, which nobody wants, and an empty line.
  for (auto line = TakeLine();; line = TakeLine()) {
    if (!line.ok()) return line;
    if (line->empty()) return bytes;
  }
}

absl::StatusOr<HttpMessage> HttpClient::ReadHead() {
  HttpMessage message;
  auto line = TakeLine();
  if (!line.ok()) return line.status();
  if (!absl::SimpleAtoi(line->substr(std::min<size_t>(9, line->size()), 3), &message.status)) {
    return absl::UnavailableError(absl::StrCat("no HTTP: ", *line));
  }
  for (;;) {
    line = TakeLine();
    if (!line.ok()) return line.status();
    if (line->empty()) return message;
    const size_t colon = line->find(':');
    if (colon == std::string::npos) return absl::UnavailableError(absl::StrCat("field: ", *line));
    message.headers[absl::AsciiStrToLower(line->substr(0, colon))] =
        std::string(absl::StripAsciiWhitespace(line->substr(colon + 1)));
  }
}

absl::StatusOr<HttpMessage> HttpClient::Read(bool to_head) {
  auto message = ReadHead();
  if (!message.ok() || to_head || message->status == 100) return message;
  if (message->headers["transfer-encoding"] == "chunked") {
    for (;;) {
      const auto chunk = TakeChunk();
      if (!chunk.ok()) return chunk.status();
      if (chunk->empty()) return message;
      message->body += *chunk;
    }
  }
  size_t length = 0;
  if (!absl::SimpleAtoi(message->headers["content-length"], &length)) return message;
  auto body = TakeBytes(length);
  if (!body.ok()) return body.status();
  message->body = *std::move(body);
  return message;
}

absl::StatusOr<std::string> HttpClient::ReadLine() {
  size_t end = 0;
  while ((end = chunks_.find('\n')) == std::string::npos) {
    const auto chunk = TakeChunk();
    if (!chunk.ok()) return chunk.status();
    if (chunk->empty()) return absl::NotFoundError("the body has ended");
    chunks_ += *chunk;
  }
  std::string line = chunks_.substr(0, end);
  chunks_.erase(0, end + 1);
  return line;
}

absl::StatusOr<HttpMessage> HttpClient::Post(const std::string& path, const std::string& body,
                                             const std::string& fields) {
  if (const auto status = SendPost(path, body, fields); !status.ok()) return status;
  return Read();
}

}  // namespace keelson::testing
