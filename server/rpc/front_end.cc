#include "server/rpc/front_end.h"

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <optional>
#include <utility>

#include "server/rpc/connection.h"
#include "server/rpc/listening_socket.h"
#include "server/rpc/session_context.h"
#include "server/rpc/socket_transport.h"

namespace keelson::server {
namespace {

using StreamSocket = asio::generic::stream_protocol::socket;

// After accept() failed for want of descriptors or memory.
constexpr std::chrono::milliseconds kAcceptPause{100};

}  // namespace

class FrontEnd::Impl final : public ConnectionHost,
                             public std::enable_shared_from_this<FrontEnd::Impl> {
 public:
  Impl(asio::io_context& loop, FrontEndOptions options, const MethodTable& methods,
       HttpEndpoints& endpoints)
      : loop_(loop), context_(std::move(options), methods, endpoints), timer_(loop) {}

  absl::Status Listen(std::string_view endpoint);
  std::vector<std::string> addresses() const;
  void FlushDirty();
  void Shutdown(std::chrono::milliseconds grace, std::function<void()> done);
  void Close();
  FrontEndStats stats() const;

  void MarkDirty(Connection& connection) override;
  void OnClosed(Connection& connection) override;

 private:
  class Acceptor;
  class Grace;

  void Adopt(StreamSocket socket);
  void PostTurnEnd();
  void EndTurn();
  void ArmTimer();
  void CloseConnections();
  void CheckDone();

  asio::io_context& loop_;
  SessionContext context_;
  asio::steady_timer timer_;
  std::optional<DeadlineQueue::Time> armed_;  // what the timer waits for
  std::vector<std::shared_ptr<Acceptor>> acceptors_;
  std::vector<std::shared_ptr<Connection>> connections_;
  std::vector<std::shared_ptr<Connection>> dirty_;
  std::vector<std::shared_ptr<Connection>> closed_;  // destroyed at the end of the turn
  std::unique_ptr<Grace> grace_;
  std::function<void()> done_;
  bool turn_end_posted_ = false;
};

// One listening socket.
class FrontEnd::Impl::Acceptor final : public std::enable_shared_from_this<Acceptor>,
                                       private DeadlineQueue::Entry {
 public:
  Acceptor(Impl& impl, ListeningSocket socket) : impl_(impl), socket_(std::move(socket)) {}
  ~Acceptor() override { impl_.context_.deadlines.Clear(*this); }

  void Accept() {
    socket_.acceptor().async_accept(
        [weak = weak_from_this()](const asio::error_code& error, StreamSocket socket) {
          const auto self = weak.lock();
          if (!self || error == asio::error::operation_aborted) return;
          if (error) return self->Pause();
          self->impl_.Adopt(std::move(socket));
          self->Accept();
        });
  }

  std::string address() const { return socket_.address(); }

 private:
  void Pause() {
    impl_.context_.deadlines.Set(*this, impl_.context_.Now() + kAcceptPause);
    impl_.PostTurnEnd();
  }
  void OnDeadline() override { Accept(); }

  Impl& impl_;
  ListeningSocket socket_;
};

// The end of a shutdown's patience.
class FrontEnd::Impl::Grace final : private DeadlineQueue::Entry {
 public:
  explicit Grace(Impl& impl) : impl_(impl) {}
  ~Grace() override { impl_.context_.deadlines.Clear(*this); }

  void Shorten(DeadlineQueue::Time at) {
    if (armed() && at_ <= at) return;
    at_ = at;
    impl_.context_.deadlines.Set(*this, at);
  }

 private:
  void OnDeadline() override { impl_.CloseConnections(); }

  Impl& impl_;
  DeadlineQueue::Time at_;
};

absl::Status FrontEnd::Impl::Listen(std::string_view endpoint) {
  auto socket = ListeningSocket::Open(loop_, endpoint);
  if (!socket.ok()) return socket.status();
  acceptors_.push_back(std::make_shared<Acceptor>(*this, *std::move(socket)));
  acceptors_.back()->Accept();
  return absl::OkStatus();
}

std::vector<std::string> FrontEnd::Impl::addresses() const {
  std::vector<std::string> result;
  for (const auto& acceptor : acceptors_) result.push_back(acceptor->address());
  return result;
}

void FrontEnd::Impl::Adopt(StreamSocket socket) {
  if (connections_.size() >= context_.options.max_connections) {
    ++context_.stats.connections_refused;
    return;
  }
  ++context_.stats.connections_accepted;
  auto transport = std::make_shared<SocketTransport>(std::move(socket));
  auto connection = std::make_shared<Connection>(context_, *this, std::move(transport));
  connection->index = connections_.size();
  connections_.push_back(connection);
  connection->Start();
  PostTurnEnd();
}

void FrontEnd::Impl::MarkDirty(Connection& connection) {
  dirty_.push_back(connections_[connection.index]);
  PostTurnEnd();
}

void FrontEnd::Impl::OnClosed(Connection& connection) {
  const size_t index = connection.index;
  closed_.push_back(std::move(connections_[index]));
  if (index + 1 < connections_.size()) {
    connections_[index] = std::move(connections_.back());
    connections_[index]->index = index;
  }
  connections_.pop_back();
  PostTurnEnd();
}

// Posted behind the handlers that are ready now, so all that they queue leaves together.
void FrontEnd::Impl::PostTurnEnd() {
  if (std::exchange(turn_end_posted_, true)) return;
  asio::post(loop_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->EndTurn();
  });
}

void FrontEnd::Impl::EndTurn() {
  turn_end_posted_ = false;
  FlushDirty();
  closed_.clear();
  ArmTimer();
  CheckDone();
}

void FrontEnd::Impl::FlushDirty() {
  // What becomes dirty meanwhile has its turn later, so that nobody is starved.
  for (const auto& connection : std::exchange(dirty_, {})) connection->Flush();
}

void FrontEnd::Impl::ArmTimer() {
  const auto next = context_.deadlines.Next();
  if (!next || (armed_ && *armed_ <= *next)) return;
  armed_ = next;
  timer_.expires_after(*next - context_.Now());
  timer_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
    const auto self = weak.lock();
    if (!self || error) return;
    self->armed_.reset();
    self->context_.deadlines.Expire(self->context_.Now());
    self->EndTurn();
  });
}

void FrontEnd::Impl::Shutdown(std::chrono::milliseconds grace, std::function<void()> done) {
  acceptors_.clear();
  if (!grace_) {
    done_ = std::move(done);
    grace_ = std::make_unique<Grace>(*this);
    for (const auto& connection : std::vector(connections_)) connection->Drain();
  }
  grace_->Shorten(context_.Now() + grace);
  PostTurnEnd();
}

void FrontEnd::Impl::CloseConnections() {
  for (const auto& connection : std::vector(connections_)) connection->Close();
}

void FrontEnd::Impl::CheckDone() {
  if (!grace_ || !connections_.empty()) return;
  if (const auto done = std::exchange(done_, nullptr)) done();
}

void FrontEnd::Impl::Close() {
  acceptors_.clear();
  CloseConnections();
  dirty_.clear();
  closed_.clear();
  grace_.reset();
  timer_.cancel();
}

FrontEndStats FrontEnd::Impl::stats() const {
  FrontEndStats stats = context_.stats;
  stats.connections_open = connections_.size();
  return stats;
}

FrontEnd::FrontEnd(asio::io_context& loop, FrontEndOptions options, const MethodTable& methods,
                   HttpEndpoints& endpoints)
    : impl_(std::make_shared<Impl>(loop, std::move(options), methods, endpoints)) {}

FrontEnd::~FrontEnd() { impl_->Close(); }

absl::Status FrontEnd::Listen(std::string_view endpoint) { return impl_->Listen(endpoint); }

std::vector<std::string> FrontEnd::addresses() const { return impl_->addresses(); }

void FrontEnd::FlushDirty() { impl_->FlushDirty(); }

void FrontEnd::Shutdown(std::chrono::milliseconds grace, std::function<void()> done) {
  impl_->Shutdown(grace, std::move(done));
}

FrontEndStats FrontEnd::stats() const { return impl_->stats(); }

}  // namespace keelson::server
