// Calls that a handler makes of its own member's other methods, on behalf of its caller: as a
// client would, but without a transport.
//
// Thread rule: loop thread only. What is called back comes in a later turn, never from inside the
// answering handler.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "google/protobuf/message_lite.h"
#include "server/api/call.h"
#include "server/node/seams.h"

namespace keelson::server {

class LocalCall;

class LocalClient {
 public:
  // Who the calls are made for.
  struct Caller {
    std::string peer;
    std::vector<std::pair<std::string, std::string>> metadata;
    std::optional<CallerIdentity> identity = std::nullopt;
  };
  static Caller CallerOf(const CallContext& context) {
    return {context.peer, context.metadata, context.identity};
  }

  using OnMessage = std::function<void(const std::string& bytes)>;
  using OnFinish = std::function<void(const absl::Status&)>;

  // Both outlive the client.
  LocalClient(const MethodTable& methods, Loop& loop) : methods_(methods), loop_(loop) {}
  // Lets go of what is open; nothing is called back any more.
  ~LocalClient();
  LocalClient(const LocalClient&) = delete;
  LocalClient& operator=(const LocalClient&) = delete;

  // A unary call. `done` comes once.
  template <typename Response>
  void Call(const Caller& caller, std::string_view path,
            const google::protobuf::MessageLite& request,
            std::function<void(const absl::Status&, const Response&)> done) {
    auto response = std::make_shared<Response>();
    Unary(
        caller, path, request.SerializeAsString(),
        [response](const std::string& bytes) { return response->ParseFromString(bytes); },
        [response, done = std::move(done)](const absl::Status& status) {
          done(status, *response);
        });
  }

  // A bidirectional stream whose first message is `request`. It is open until `on_finish`, which
  // comes once, or LocalCall::Cancel.
  std::shared_ptr<LocalCall> Open(const Caller& caller, std::string_view path,
                                  const google::protobuf::MessageLite& request,
                                  OnMessage on_message, OnFinish on_finish);

 private:
  friend class LocalCall;
  using Parse = std::function<bool(const std::string& bytes)>;

  void Unary(Caller caller, std::string_view path, const std::string& request, const Parse& parse,
             OnFinish done);
  std::shared_ptr<LocalCall> Start(Caller caller, std::string_view path, const std::string& request,
                                   OnMessage on_message, OnFinish on_finish);

  const MethodTable& methods_;
  Loop& loop_;
  uint64_t last_ = 0;
  absl::btree_map<uint64_t, std::shared_ptr<LocalCall>> open_;
};

// One such call as its handler sees it, and the caller's hold of it.
class LocalCall final : public Call, public std::enable_shared_from_this<LocalCall> {
 public:
  LocalCall(LocalClient& client, uint64_t id, std::string_view method, LocalClient::Caller caller,
            LocalClient::OnMessage on_message, LocalClient::OnFinish on_finish);

  // --- for the caller ---

  // The caller wants nothing more; nothing is called back any more.
  void Cancel();
  // While held the caller takes no messages: those under way still come, the handler then waits.
  void Hold(bool held);

  // --- for the handler ---

  const CallContext& context() const override { return context_; }
  void SetEvents(Events events) override { events_ = std::move(events); }
  void AddMetadata(std::string_view, std::string_view) override {}
  void AddTrailer(std::string_view, std::string_view) override {}
  void Send(SharedBody body) override;
  void SendPart(SharedBody part, size_t rest) override;
  void Finish(const absl::Status& status) override;
  size_t pending_bytes() const override { return held_ ? kHighWater : pending_; }
  void PauseReading(bool) override {}

 private:
  friend class LocalClient;
  void Deliver(const std::string& bytes);
  // Unties handler, call and caller.
  void LetGo();

  LocalClient* client_;  // null once the call is over
  const uint64_t id_;
  const std::string method_;
  CallContext context_;
  LocalClient::OnMessage on_message_;
  LocalClient::OnFinish on_finish_;
  Events events_;
  std::string parts_;  // of a message that is not whole yet
  size_t pending_ = 0;
  bool full_ = false;  // the handler waits for on_writable
  bool held_ = false;
};

}  // namespace keelson::server
