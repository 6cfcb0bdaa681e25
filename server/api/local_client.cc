#include "server/api/local_client.h"

#include "base/check.h"

namespace keelson::server {

LocalClient::~LocalClient() {
  while (!open_.empty()) {
    const std::shared_ptr<LocalCall> call = open_.begin()->second;
    call->LetGo();
  }
}

std::shared_ptr<LocalCall> LocalClient::Start(Caller caller, std::string_view path,
                                              const std::string& request, OnMessage on_message,
                                              OnFinish on_finish) {
  const Method* method = methods_.Find(path);
  KEELSON_CHECK(method != nullptr, "a member calls methods that it has");
  auto call = std::make_shared<LocalCall>(*this, ++last_, method->path, std::move(caller),
                                          std::move(on_message), std::move(on_finish));
  open_.emplace(last_, call);
  method->start(call, request);
  return call;
}

void LocalClient::Unary(Caller caller, std::string_view path, const std::string& request,
                        const Parse& parse, OnFinish done) {
  // That of the caller was looked at; a write waits for a leader by its own rules.
  std::erase_if(caller.metadata, [](const auto& pair) { return pair.first == "hasleader"; });
  Start(
      std::move(caller), path, request,
      [parse](const std::string& bytes) {
        KEELSON_CHECK(parse(bytes), "a member reads what it has written");
      },
      std::move(done));
}

std::shared_ptr<LocalCall> LocalClient::Open(const Caller& caller, std::string_view path,
                                             const google::protobuf::MessageLite& request,
                                             OnMessage on_message, OnFinish on_finish) {
  auto call = Start(caller, path, {}, std::move(on_message), std::move(on_finish));
  // The handler may refuse what it is told, and let go of its events.
  const auto tell = call->events_.on_message;
  if (tell) tell(request.SerializeAsString());
  return call;
}

LocalCall::LocalCall(LocalClient& client, uint64_t id, std::string_view method,
                     LocalClient::Caller caller, LocalClient::OnMessage on_message,
                     LocalClient::OnFinish on_finish)
    : client_(&client),
      id_(id),
      method_(method),
      on_message_(std::move(on_message)),
      on_finish_(std::move(on_finish)) {
  context_.method = method_;
  context_.peer = std::move(caller.peer);
  context_.metadata = std::move(caller.metadata);
  context_.identity = std::move(caller.identity);
}

void LocalCall::LetGo() {
  if (client_ == nullptr) return;
  // Their ends may hold the last references of this call and of its client's owner.
  const auto keep = shared_from_this();
  const Events events = std::exchange(events_, {});
  const auto on_message = std::exchange(on_message_, nullptr);
  const auto on_finish = std::exchange(on_finish_, nullptr);
  std::exchange(client_, nullptr)->open_.erase(id_);
}

void LocalCall::Cancel() {
  if (client_ == nullptr) return;
  const auto on_end = events_.on_end;
  LetGo();
  if (on_end) on_end();
}

void LocalCall::Hold(bool held) {
  if (std::exchange(held_, held) && !held && events_.on_writable) events_.on_writable();
}

void LocalCall::Send(SharedBody body) {
  if (client_ == nullptr) return;
  std::string bytes = std::move(body.head);
  if (body.tail) bytes += *body.tail;
  pending_ += bytes.size();
  full_ = full_ || pending_ >= kHighWater;
  client_->loop_.Post(
      [self = shared_from_this(), bytes = std::move(bytes)] { self->Deliver(bytes); });
}

void LocalCall::Deliver(const std::string& bytes) {
  pending_ -= bytes.size();
  if (client_ == nullptr) return;
  // It may end the call, and with it what is called here.
  const auto on_message = on_message_;
  on_message(bytes);
  if (client_ == nullptr || !full_ || pending_ >= kLowWater) return;
  full_ = false;
  if (events_.on_writable) events_.on_writable();
}

void LocalCall::SendPart(SharedBody part, size_t rest) {
  parts_ += part.head;
  if (part.tail) parts_ += *part.tail;
  if (rest == 0) Send({std::exchange(parts_, {}), nullptr});
}

void LocalCall::Finish(const absl::Status& status) {
  if (client_ == nullptr) return;
  events_ = {};
  client_->loop_.Post([self = shared_from_this(), status] {
    if (self->client_ == nullptr) return;
    const auto on_finish = self->on_finish_;
    self->LetGo();
    on_finish(status);
  });
}

}  // namespace keelson::server
