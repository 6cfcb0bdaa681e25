// A DNS server on loopback for one name's SRV records: enough for a resolver to ask.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/check.h"

namespace keelson::testing {

struct SrvRecord {
  uint16_t priority;
  uint16_t weight;
  uint16_t port;
  std::string host;
};

// Answers queries for `name` with `records`, and others with NXDOMAIN, until it is destroyed.
class DnsServer {
 public:
  DnsServer(std::string name, std::vector<SrvRecord> records)
      : name_(Encoded(name)),
        records_(std::move(records)),
        fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    KEELSON_CHECK(bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0, "loopback is there");
    KEELSON_CHECK(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0,
                  "it is bound");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~DnsServer() {
    // Ends the recvfrom of a UDP socket, too.
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    close(fd_);
  }
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  static std::string Encoded(const std::string& name) {
    std::string bytes;
    for (const auto label : absl::StrSplit(name, '.')) {
      bytes += static_cast<char>(label.size());
      bytes += std::string(label);
    }
    return bytes + '\0';
  }

  static void Append(uint16_t number, std::string& bytes) {
    bytes += static_cast<char>(number >> 8);
    bytes += static_cast<char>(number & 0xff);
  }

  void Serve() {
    while (true) {
      std::array<char, 512> buffer = {};
      sockaddr_in from = {};
      socklen_t size = sizeof(from);
      const ssize_t got =
          recvfrom(fd_, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (got <= 0 || size == 0) return;
      const std::string answer = Answer(std::string(buffer.data(), static_cast<size_t>(got)));
      sendto(fd_, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }

  // Header: id, flags, four counts. Then the question as it came, then the records.
  std::string Answer(const std::string& query) const {
    const size_t end = query.find('\0', 12) + 5;
    const bool known = query.substr(12, name_.size()) == name_;
    std::string bytes = query.substr(0, 2);
    Append(known ? 0x8580 : 0x8583, bytes);
    Append(1, bytes);
    Append(static_cast<uint16_t>(known ? records_.size() : 0), bytes);
    Append(0, bytes);
    Append(0, bytes);
    bytes += query.substr(12, end - 12);
    for (const SrvRecord& record : records_) {
      if (!known) break;
      const std::string host = Encoded(record.host);
      Append(0xc00c, bytes);  // the name: that of the question
      Append(33, bytes);      // SRV
      Append(1, bytes);       // IN
      Append(0, bytes);
      Append(60, bytes);  // the time to live
      Append(static_cast<uint16_t>(6 + host.size()), bytes);
      Append(record.priority, bytes);
      Append(record.weight, bytes);
      Append(record.port, bytes);
      bytes += host;
    }
    return bytes;
  }

  const std::string name_;
  const std::vector<SrvRecord> records_;
  const int fd_;
  uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace keelson::testing
