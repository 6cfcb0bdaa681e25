#include "tests/harness/ports.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <random>
#include <string>
#include <utility>

#include "base/check.h"

namespace keelson::testing {
namespace {

std::pair<int, int> PortRange() {
  int first = 20000;
  int last = 31999;
  if (const char* text = getenv("KEELSON_TEST_PORTS")) {
    KEELSON_CHECK(sscanf(text, "%d-%d", &first, &last) == 2 && first <= last,
                  "$KEELSON_TEST_PORTS must look like 21100-21199");
  }
  return {first, last};
}

bool CanBind(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  // As servers do: a port in TIME_WAIT after a killed member counts as free.
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return bound;
}

// The lock's descriptor, or -1 when another process holds it.
int LockPort(int port) {
  const std::string path = "/tmp/keelson-port-" + std::to_string(port) + ".lock";
  const int fd = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0666);
  if (fd < 0) return -1;
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  close(fd);
  return -1;
}

}  // namespace

PortLease::PortLease() {
  const auto [first, last] = PortRange();
  const int count = last - first + 1;
  // Any start will do; a random one keeps parallel tests from meeting.
  const int start = static_cast<int>(std::random_device{}() % static_cast<unsigned>(count));
  for (int step = 0; step < count; ++step) {
    const int port = first + (start + step) % count;
    const int lock = LockPort(port);
    if (lock < 0) continue;
    if (CanBind(port)) {
      port_ = port;
      lock_ = lock;
      return;
    }
    close(lock);
  }
  KEELSON_CHECK(false, "no free loopback port in the range for tests ($KEELSON_TEST_PORTS)");
}

PortLease::~PortLease() {
  if (lock_ >= 0) close(lock_);
}

PortLease::PortLease(PortLease&& other) noexcept
    : port_(other.port_), lock_(std::exchange(other.lock_, -1)) {}

}  // namespace keelson::testing
