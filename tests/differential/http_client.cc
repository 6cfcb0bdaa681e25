#include "tests/differential/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace keelson::differential {
namespace {

constexpr timeval kPatience{20, 0};

}  // namespace

HttpConnection::HttpConnection(const std::string& endpoint) : endpoint_(endpoint) {}
HttpConnection::~HttpConnection() { Close(); }

void HttpConnection::Close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
  received_.clear();
}

bool HttpConnection::Connect() {
  const size_t colon = endpoint_.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(endpoint_.c_str() + colon + 1)));
  if (::inet_pton(AF_INET, endpoint_.substr(0, colon).c_str(), &address.sin_addr) != 1)
    return false;
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience));
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof(kPatience));
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
}

bool HttpConnection::SendAll(const std::string& bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t sent = ::send(socket_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    at += static_cast<size_t>(sent);
  }
  return true;
}

bool HttpConnection::Receive() {
  char buffer[16384];
  const ssize_t got = ::recv(socket_, buffer, sizeof(buffer), 0);
  if (got <= 0) return false;
  received_.append(buffer, static_cast<size_t>(got));
  return true;
}

std::optional<std::string> HttpConnection::TakeLine() {
  size_t end = 0;
  while ((end = received_.find("\r\n")) == std::string::npos) {
    if (!Receive()) return std::nullopt;
  }
  std::string line = received_.substr(0, end);
  received_.erase(0, end + 2);
  return line;
}

HttpReply HttpConnection::Begin(const std::string& path, const std::string& body) {
  HttpReply reply;
  if (!keep_ || !ended_) Close();
  decoded_.clear();
  if (socket_ < 0 && !Connect()) return {.body = "cannot connect to " + endpoint_};
  if (!SendAll(absl::StrCat("POST ", path, " HTTP/1.1\r\nHost: ", endpoint_,
                            "\r\nContent-Type: application/json\r\nContent-Length: ", body.size(),
                            "\r\n\r\n", body))) {
    Close();
    return {.body = "the connection broke while the request was sent"};
  }
  std::optional<std::string> line = TakeLine();
  if (!line || std::sscanf(line->c_str(), "HTTP/1.%*d %d", &reply.status) != 1) {
    Close();
    return {.body = "no HTTP answer"};
  }
  chunked_ = false;
  left_ = 0;
  keep_ = true;
  while ((line = TakeLine()) && !line->empty()) {
    const size_t colon = std::min(line->find(':'), line->size() - 1);
    const std::string name = absl::AsciiStrToLower(line->substr(0, colon));
    const std::string value(absl::StripAsciiWhitespace(line->substr(colon + 1)));
    if (name == "content-type") reply.content_type = value;
    if (name == "content-length") left_ = static_cast<size_t>(std::atoll(value.c_str()));
    if (name == "transfer-encoding") chunked_ = value == "chunked";
    if (name == "connection") keep_ = !absl::EqualsIgnoreCase(value, "close");
  }
  ended_ = !chunked_ && left_ == 0;
  return reply;
}

bool HttpConnection::ReadChunkHead() {
  const std::optional<std::string> size = TakeLine();
  if (!size) return false;
  left_ = std::strtoul(size->c_str(), nullptr, 16);
  if (left_ > 0) return true;
  while (const std::optional<std::string> trailer = TakeLine()) {
    if (trailer->empty()) break;
  }
  return false;
}

bool HttpConnection::ReadPart() {
  if (ended_) return false;
  if (left_ == 0 && !(chunked_ && ReadChunkHead())) {
    ended_ = true;
    return false;
  }
  if (received_.empty() && !Receive()) {
    ended_ = true;
    keep_ = false;
    return false;
  }
  const size_t taken = std::min(left_, received_.size());
  decoded_ += received_.substr(0, taken);
  received_.erase(0, taken);
  left_ -= taken;
  if (left_ > 0) return true;
  if (!chunked_) {
    ended_ = true;
  } else if (!TakeLine()) {
    keep_ = false;
  }
  return true;
}

std::optional<std::string> HttpConnection::ReadLine() {
  size_t end = 0;
  while ((end = decoded_.find('\n')) == std::string::npos) {
    if (!ReadPart()) return std::nullopt;
  }
  std::string line = decoded_.substr(0, end);
  decoded_.erase(0, end + 1);
  return line;
}

HttpReply HttpConnection::Post(const std::string& path, const std::string& body) {
  HttpReply reply = Begin(path, body);
  while (reply.status != 0 && ReadPart()) {
  }
  if (reply.status != 0) reply.body = decoded_;
  return reply;
}

}  // namespace keelson::differential
