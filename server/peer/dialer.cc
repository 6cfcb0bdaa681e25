#include "server/peer/dialer.h"

#include <asio/connect.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/peer/tcp_stream.h"

namespace keelson::server {

using asio::ip::tcp;

Dialer::Dialer(AsioLoop& loop, Duration dead_after)
    : loop_(loop), dead_after_(dead_after), resolver_(loop.context()), socket_(loop.context()) {}

void Dialer::Start(PeerUrl url, Duration timeout, Done done) {
  url_ = std::move(url);
  done_ = std::move(done);
  timer_ = loop_.After(timeout, [self = shared_from_this()] {
    self->Fail(absl::DeadlineExceededError(
        absl::StrCat(FormatPeerUrl(self->url_), ": no connection in time")));
  });
  std::error_code not_an_address;
  const asio::ip::address address = asio::ip::make_address(url_.host, not_an_address);
  if (not_an_address) return Resolve();
  Connect({tcp::endpoint(address, url_.port)});
}

void Dialer::Resolve() {
  resolver_.async_resolve(url_.host, std::to_string(url_.port), tcp::resolver::numeric_service,
                          [self = shared_from_this()](const std::error_code& error,
                                                      const tcp::resolver::results_type& results) {
                            if (error) return self->Finish(error);
                            if (self->done_ == nullptr) return;
                            std::vector<tcp::endpoint> endpoints;
                            for (const auto& result : results)
                              endpoints.push_back(result.endpoint());
                            self->Connect(std::move(endpoints));
                          });
}

void Dialer::Connect(std::vector<tcp::endpoint> endpoints) {
  endpoints_ = std::move(endpoints);
  asio::async_connect(socket_, endpoints_,
                      [self = shared_from_this()](const std::error_code& error,
                                                  const tcp::endpoint&) { self->Finish(error); });
}

void Dialer::Finish(const std::error_code& error) {
  if (done_ == nullptr) return;
  if (error) {
    return Fail(absl::UnavailableError(absl::StrCat(FormatPeerUrl(url_), ": ", error.message())));
  }
  loop_.Cancel(timer_);
  std::exchange(done_, nullptr)(MakeTcpStream(std::move(socket_), dead_after_));
}

void Dialer::Fail(absl::Status status) {
  Done done = std::exchange(done_, nullptr);
  Cancel();
  if (done != nullptr) done(std::move(status));
}

void Dialer::Cancel() {
  done_ = nullptr;
  loop_.Cancel(timer_);
  resolver_.cancel();
  std::error_code ignored;
  socket_.close(ignored);
}

}  // namespace keelson::server
