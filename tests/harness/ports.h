// Loopback TCP ports that no other test takes at the same time.
#pragma once

namespace keelson::testing {

// A free port, reserved against every other PortLease on this machine (by a lock file) for the
// life of the object. Taken from $KEELSON_TEST_PORTS ("21100-21199") or else from 20000-31999,
// below the ports the kernel hands out for outgoing connections.
class PortLease {
 public:
  // Ends the process when the range is exhausted.
  PortLease();
  ~PortLease();
  PortLease(PortLease&& other) noexcept;
  PortLease& operator=(PortLease&& other) = delete;

  int port() const { return port_; }

 private:
  int port_ = 0;
  int lock_ = -1;
};

}  // namespace keelson::testing
