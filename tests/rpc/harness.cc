#include "tests/rpc/harness.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"

namespace keelson::server {

bool MemoryTransport::Write(OutputQueue& out) {
  ++writes;
  std::array<std::string_view, 64> views;
  while (!out.empty() && capacity > 0) {
    out.Gather(views);
    const std::string_view part = views[0].substr(0, capacity);
    written.append(part);
    capacity -= part.size();
    out.Consume(part.size());
  }
  return out.empty();
}

bool MemoryTransport::Deliver(std::string_view bytes) {
  if (listener_ == nullptr || closed) return true;  // a closed connection takes no notice
  if (!std::exchange(armed_, false)) return false;
  // A copy of its own, so that a sanitizer sees every use after its end.
  const std::string copy(bytes);
  listener_->OnBytes(copy);
  return true;
}

void MemoryTransport::DeliverEof() {
  armed_ = false;
  if (listener_ != nullptr) listener_->OnEof();
}

void MemoryTransport::Break() {
  armed_ = false;
  if (listener_ != nullptr) listener_->OnBroken();
}

void MemoryTransport::Unblock(size_t more) {
  capacity = more;
  if (listener_ != nullptr) listener_->OnWritable();
}

void TestMethods::Add(const std::string& path, Method::Kind kind, Start start) {
  const auto [it, inserted] = methods_.try_emplace(path);
  KEELSON_CHECK(inserted, "a test method is added once");
  it->second = Method{it->first, kind, std::move(start)};
}

const Method* TestMethods::Find(std::string_view path) const {
  const auto it = methods_.find(path);
  return it == methods_.end() ? nullptr : &it->second;
}

bool TestMethods::HasService(std::string_view path) const {
  const std::string_view service = path.substr(0, path.rfind('/') + 1);
  return std::any_of(methods_.begin(), methods_.end(),
                     [&](const auto& entry) { return entry.first.starts_with(service); });
}

void TestEndpoints::Handle(const HttpRequest& request, std::shared_ptr<HttpReply> reply) {
  ++requests;
  if (on_request) return on_request(request, std::move(reply));
  if (handler) {
    return handler(request, [reply](HttpResponse whole) { reply->Respond(std::move(whole)); });
  }
  HttpResponse response;
  response.body = std::string(request.method) + " " + std::string(request.path) + "?" +
                  std::string(request.query) + " " + std::string(request.body);
  reply->Respond(std::move(response));
}

namespace {

FrontEndOptions WithClock(FrontEndOptions options, const DeadlineQueue::Time* now) {
  options.now = [now] { return *now; };
  return options;
}

}  // namespace

Harness::Harness(FrontEndOptions options)
    : context(WithClock(std::move(options), &now), methods, endpoints) {
  connection = std::make_unique<Connection>(context, *this, transport);
  connection->Start();
}

Harness::~Harness() { connection->Close(); }

void Harness::Deliver(std::string_view bytes, size_t cut) {
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, cut);
    if (!transport->Deliver(part)) {
      Settle();
      if (!transport->Deliver(part)) return;  // the server has stopped reading for good
    }
    Settle();
    bytes.remove_prefix(part.size());
  }
}

void Harness::DeliverEof() {
  transport->DeliverEof();
  Settle();
}

void Harness::Settle() {
  constexpr int kMaxTurns = 100'000;
  for (int turn = 0; dirty_; ++turn) {
    KEELSON_CHECK(turn < kMaxTurns, "the connection comes to rest");
    dirty_ = false;
    connection->Flush();
  }
}

void Harness::Advance(std::chrono::milliseconds time) {
  now += time;
  context.deadlines.Expire(now);
  Settle();
}

void Harness::MarkDirty(Connection&) { dirty_ = true; }

void Harness::OnClosed(Connection&) { dirty_ = false; }

}  // namespace keelson::server
