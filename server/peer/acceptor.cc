#include "server/peer/acceptor.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/peer/peer_url.h"
#include "server/peer/tcp_stream.h"

namespace keelson::server {

using asio::ip::tcp;

namespace {

// Out of descriptors or memory: time for some to be given back.
constexpr Duration kPauseAfterError = std::chrono::milliseconds(100);

absl::Status CannotListen(const std::string& url, const std::error_code& error) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen for peers on ", url, ": ", error.message()));
}

}  // namespace

// Lives as long as a handler of its socket may still run.
struct Acceptor::Socket {
  explicit Socket(Acceptor* of) : owner(of), loop(of->loop_), listener(of->loop_.context()) {}

  Acceptor* owner;  // null once closed
  AsioLoop& loop;
  tcp::acceptor listener;
  Loop::TimerId retry = 0;
};

Acceptor::Acceptor(AsioLoop& loop, Duration dead_after, OnStream on_stream)
    : loop_(loop), dead_after_(dead_after), on_stream_(std::move(on_stream)) {}

Acceptor::~Acceptor() { Close(); }

absl::Status Acceptor::Listen(const std::string& url) {
  const absl::StatusOr<PeerUrl> parsed = ParsePeerUrl(url);
  if (!parsed.ok()) return parsed.status();
  std::error_code error;
  const asio::ip::address address = asio::ip::make_address(parsed->host, error);
  if (!error) return Bind(url, tcp::endpoint(address, parsed->port), parsed->host);
  tcp::resolver resolver(loop_.context());
  const auto results = resolver.resolve(parsed->host, std::to_string(parsed->port),
                                        tcp::resolver::numeric_service, error);
  if (error || results.empty()) return CannotListen(url, error);
  // A name may have addresses of a family that this host does not speak: one that binds is enough.
  absl::Status status;
  for (const auto& result : results) {
    status = Bind(url, result.endpoint(), parsed->host);
    if (status.ok()) return status;
  }
  return status;
}

absl::Status Acceptor::Bind(const std::string& url, const tcp::endpoint& endpoint,
                            const std::string& host) {
  auto socket = std::make_shared<Socket>(this);
  tcp::acceptor& listener = socket->listener;
  std::error_code error;
  listener.open(endpoint.protocol(), error);
  if (!error) listener.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) listener.bind(endpoint, error);
  if (!error) listener.listen(asio::socket_base::max_listen_connections, error);
  if (error) return CannotListen(url, error);
  urls_.push_back(FormatPeerUrl({host, listener.local_endpoint(error).port()}));
  sockets_.push_back(socket);
  AcceptNext(socket);
  return absl::OkStatus();
}

void Acceptor::AcceptNext(const std::shared_ptr<Socket>& socket) {
  socket->listener.async_accept([socket](const std::error_code& error, tcp::socket accepted) {
    if (socket->owner == nullptr) return;
    socket->loop.Stage("peer accept");
    if (error) {
      socket->retry = socket->loop.After(kPauseAfterError, [socket] { AcceptNext(socket); });
      return;
    }
    const Acceptor& owner = *socket->owner;
    owner.on_stream_(MakeTcpStream(std::move(accepted), owner.dead_after_));
    if (socket->owner != nullptr) AcceptNext(socket);
  });
}

void Acceptor::Close() {
  for (const auto& socket : sockets_) {
    socket->owner = nullptr;
    loop_.Cancel(socket->retry);
    std::error_code ignored;
    socket->listener.close(ignored);
  }
  sockets_.clear();
}

}  // namespace keelson::server
