// Times and bounds of the peer transport.
#pragma once

#include <chrono>
#include <cstddef>

#include "server/node/seams.h"

namespace keelson::server {

struct PeerTransportOptions {
  // From the dial to the end of the handshake, each.
  Duration connect_timeout = std::chrono::seconds(1);
  Duration handshake_timeout = std::chrono::seconds(2);

  // Between attempts; doubles from the first to the last, each with jitter.
  Duration min_backoff = std::chrono::milliseconds(10);
  Duration max_backoff = std::chrono::seconds(1);

  // Bytes sent and not acknowledged for this long end the connection, so that after a healed
  // partition nobody waits for TCP's own, much longer, retransmission pauses.
  Duration dead_after = std::chrono::seconds(3);

  // Between two measurements of a round trip.
  Duration probe_interval = std::chrono::seconds(1);

  // Bytes that wait for a connection's socket, by channel; what does not fit is dropped.
  size_t urgent_queue_bytes = 4 << 20;
  size_t bulk_queue_bytes = 64 << 20;
  size_t snapshot_queue_bytes = 8 << 20;

  // Connections that have not said who they are yet; more are closed at once.
  size_t max_unknown_connections = 64;
};

}  // namespace keelson::server
