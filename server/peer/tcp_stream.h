// PeerStream over TCP.
#pragma once

#include <asio/ip/tcp.hpp>
#include <memory>

#include "server/node/seams.h"
#include "server/peer/peer_stream.h"

namespace keelson::server {

// Takes over a connected socket. No Nagle; the kernel notices a dead peer by keepalive probes on an
// idle connection and by `dead_after` without an acknowledgement on a busy one.
std::unique_ptr<PeerStream> MakeTcpStream(asio::ip::tcp::socket socket, Duration dead_after);

}  // namespace keelson::server
