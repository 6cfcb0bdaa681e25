// One server connection in memory: no socket, no thread, a clock that the test moves.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/api/call.h"
#include "server/api/http.h"
#include "server/rpc/connection.h"
#include "server/rpc/session_context.h"
#include "server/rpc/transport.h"

namespace keelson::server {

// A transport whose other end is the test.
class MemoryTransport final : public Transport {
 public:
  void SetListener(Listener* listener) override { listener_ = listener; }
  void ReadOnce() override { armed_ = true; }
  bool Write(OutputQueue& out) override;
  void ShutdownWrite() override { write_shut = true; }
  void Close() override { closed = true; }
  const std::string& peer() const override { return peer_; }

  // Hands `bytes` over if the connection wants to read; else false.
  bool Deliver(std::string_view bytes);
  void DeliverEof();
  void Break();
  // Lets blocked writes go on.
  void Unblock(size_t capacity);

  bool armed() const { return armed_; }

  std::string written;
  size_t capacity = SIZE_MAX;  // what Write may still take
  size_t writes = 0;           // calls of Write
  bool write_shut = false;
  bool closed = false;

 private:
  Listener* listener_ = nullptr;
  bool armed_ = false;
  std::string peer_ = "10.0.0.1:4711";
};

// Methods and endpoints that a test fills in.
class TestMethods final : public MethodTable {
 public:
  using Start = std::function<void(std::shared_ptr<Call>, std::string_view)>;
  void Add(const std::string& path, Method::Kind kind, Start start);
  const Method* Find(std::string_view path) const override;
  bool HasService(std::string_view path) const override;

 private:
  std::map<std::string, Method, std::less<>> methods_;
};

class TestEndpoints final : public HttpEndpoints {
 public:
  using Respond = std::function<void(HttpResponse)>;
  void Handle(const HttpRequest& request, std::shared_ptr<HttpReply> reply) override;

  // Gets the reply itself; goes before `handler`.
  std::function<void(const HttpRequest&, std::shared_ptr<HttpReply>)> on_request;
  // Replaces the default, which answers 200 with "METHOD path?query body".
  std::function<void(const HttpRequest&, Respond)> handler;
  int requests = 0;
};

class Harness final : public ConnectionHost {
 public:
  explicit Harness(FrontEndOptions options = {});
  ~Harness();

  // Delivers bytes in the given cuts and runs the loop until nothing is left to do.
  void Deliver(std::string_view bytes, size_t cut = SIZE_MAX);
  void DeliverEof();
  // Runs flushes until nothing is dirty.
  void Settle();
  // Moves the clock and lets deadlines expire.
  void Advance(std::chrono::milliseconds time);

  // What the server has written since the last call.
  std::string TakeOutput() { return std::exchange(transport->written, {}); }

  // The connection is closed, or is only waiting for the peer to close.
  bool hung_up() const { return transport->closed || transport->write_shut; }

  void MarkDirty(Connection& connection) override;
  void OnClosed(Connection& connection) override;

  DeadlineQueue::Time now{std::chrono::hours(1000)};
  TestMethods methods;
  TestEndpoints endpoints;
  SessionContext context;
  std::shared_ptr<MemoryTransport> transport = std::make_shared<MemoryTransport>();
  std::unique_ptr<Connection> connection;

 private:
  bool dirty_ = false;
};

}  // namespace keelson::server
