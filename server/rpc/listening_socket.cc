#include "server/rpc/listening_socket.h"

#include <sys/stat.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/view.h"
#include "server/rpc/socket_transport.h"

namespace keelson::server {
namespace {

using asio::ip::tcp;
using Endpoint = asio::generic::stream_protocol::endpoint;
using UnixProtocol = asio::local::stream_protocol;

constexpr std::string_view kUnix = "unix:";

absl::StatusOr<tcp::endpoint> Resolve(asio::io_context& loop, std::string_view endpoint) {
  const size_t colon = endpoint.rfind(':');
  if (colon == std::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("listen endpoint \"", ToAbsl(endpoint), "\" has no port; want host:port"));
  }
  std::string host(endpoint.substr(0, colon));
  const std::string port(endpoint.substr(colon + 1));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  asio::error_code error;
  tcp::resolver resolver(loop);
  const auto flags = tcp::resolver::passive | tcp::resolver::numeric_service;
  const auto found = resolver.resolve(host, port, flags, error);
  if (error || found.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("cannot resolve listen endpoint \"",
                                                   ToAbsl(endpoint), "\": ", error.message()));
  }
  for (const auto& entry : found) {
    if (entry.endpoint().address().is_v4() && !host.empty()) return entry.endpoint();
  }
  for (const auto& entry : found) {
    if (entry.endpoint().address().is_v6()) return entry.endpoint();
  }
  return found.begin()->endpoint();
}

// Removes the socket that a process left at `path` when it was killed: one that refuses
// connections.
void RemoveStaleSocket(asio::io_context& loop, const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return;
  asio::error_code error;
  UnixProtocol::socket probe(loop);
  probe.connect(UnixProtocol::endpoint(path), error);
  if (error == asio::error::connection_refused) ::unlink(path.c_str());
}

}  // namespace

ListeningSocket::ListeningSocket(Acceptor acceptor, std::string path)
    : acceptor_(std::move(acceptor)), path_(std::move(path)) {}

// A socket that was moved from is not open.
ListeningSocket::~ListeningSocket() {
  if (!path_.empty() && acceptor_.is_open()) ::unlink(path_.c_str());
}

absl::StatusOr<ListeningSocket> ListeningSocket::Open(asio::io_context& loop,
                                                      std::string_view endpoint) {
  Endpoint at;
  std::string path;
  if (endpoint.substr(0, kUnix.size()) == kUnix) {
    path = endpoint.substr(kUnix.size());
    RemoveStaleSocket(loop, path);
    at = UnixProtocol::endpoint(path);
  } else {
    const auto resolved = Resolve(loop, endpoint);
    if (!resolved.ok()) return resolved.status();
    at = *resolved;
  }
  asio::error_code error;
  Acceptor acceptor(loop);
  acceptor.open(at.protocol(), error);
  if (!error) acceptor.set_option(Acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(at, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on \"", ToAbsl(endpoint), "\": ", error.message()));
  }
  return ListeningSocket(std::move(acceptor), std::move(path));
}

std::string ListeningSocket::address() const {
  asio::error_code error;
  const auto endpoint = acceptor_.local_endpoint(error);
  return error ? std::string() : FormatEndpoint(endpoint);
}

}  // namespace keelson::server
