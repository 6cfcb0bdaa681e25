// Peer URLs: "http://host:port" or "http://[v6]:port".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace keelson::server {

struct PeerUrl {
  std::string host;  // a name or an address, without brackets
  uint16_t port = 0;
  friend bool operator==(const PeerUrl&, const PeerUrl&) = default;
};

// InvalidArgument with the URL in the message.
absl::StatusOr<PeerUrl> ParsePeerUrl(std::string_view url);

std::string FormatPeerUrl(const PeerUrl& url);

}  // namespace keelson::server
