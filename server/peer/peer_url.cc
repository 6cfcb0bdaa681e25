#include "server/peer/peer_url.h"

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/view.h"

namespace keelson::server {
namespace {

constexpr std::string_view kScheme = "http://";

absl::Status Bad(std::string_view url, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("peer URL \"", ToAbsl(url), "\": ", why));
}

}  // namespace

absl::StatusOr<PeerUrl> ParsePeerUrl(std::string_view url) {
  if (!url.starts_with(kScheme)) return Bad(url, "must begin with http://");
  std::string_view rest = url.substr(kScheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return Bad(url, "must end with a port");
  std::string_view host = rest.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return Bad(url, "an IPv6 address needs brackets");
  }
  if (host.empty() || host.find_first_of("/?#@[] ") != std::string_view::npos) {
    return Bad(url, "must name one host and nothing else");
  }
  uint32_t port = 0;
  const std::string_view digits = rest.substr(colon + 1);
  if (digits.find_first_not_of("0123456789") != std::string_view::npos ||
      !absl::SimpleAtoi(ToAbsl(digits), &port) || port > 65535) {
    return Bad(url, "the port must be a number up to 65535");
  }
  return PeerUrl{std::string(host), static_cast<uint16_t>(port)};
}

std::string FormatPeerUrl(const PeerUrl& url) {
  const bool v6 = url.host.find(':') != std::string::npos;
  return absl::StrCat("http://", v6 ? "[" : "", url.host, v6 ? "]:" : ":", url.port);
}

}  // namespace keelson::server
