// A call without a transport: what a handler answers is kept and told to the test.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/check.h"
#include "server/api/call.h"

namespace keelson::sim {

class FakeCall final : public server::Call {
 public:
  using Metadata = std::map<std::string, std::string>;

  // `on_send` hears each message, `on_finish` the end; either may be unset.
  FakeCall(std::string method, std::function<void(const std::string&)> on_send,
           std::function<void(const absl::Status&)> on_finish)
      : method_(std::move(method)), on_send_(std::move(on_send)), on_finish_(std::move(on_finish)) {
    context_.method = method_;
    context_.peer = "simulated";
  }

  const server::CallContext& context() const override { return context_; }
  void SetEvents(Events events) override {
    events_ = std::move(events);
    for (auto& message : std::exchange(early_, {})) Message(message);
  }
  void AddMetadata(std::string_view key, std::string_view value) override {
    KEELSON_CHECK(!sent_, "leading metadata comes before the first Send");
    answer_metadata_.emplace(key, value);
  }
  void AddTrailer(std::string_view, std::string_view) override {}
  void Send(server::SharedBody body) override {
    if (over_) return;
    sent_ = true;
    std::string bytes = std::move(body.head);
    if (body.tail) bytes += *body.tail;
    if (stuck_) pending_ += bytes.size();
    if (on_send_) on_send_(bytes);
  }
  void SendPart(server::SharedBody part, size_t rest) override {
    sent_ = true;
    parts_ += part.head;
    if (part.tail) parts_ += *part.tail;
    if (rest == 0) Send({std::exchange(parts_, {}), nullptr});
  }
  void Finish(const absl::Status& status) override {
    if (std::exchange(over_, true)) return;
    if (on_finish_) on_finish_(status);
  }
  size_t pending_bytes() const override { return pending_; }
  void PauseReading(bool) override {}

  // A message from the client.
  void Message(const std::string& bytes) {
    if (over_) return;
    if (!events_.on_message) {
      early_.push_back(bytes);
    } else {
      events_.on_message(bytes);
    }
  }
  // The client goes away.
  void End() {
    if (std::exchange(over_, true)) return;
    if (events_.on_end) events_.on_end();
  }
  // A reader that takes nothing until it is released.
  void SetStuck(bool stuck) {
    stuck_ = stuck;
    if (stuck || pending_ == 0) return;
    pending_ = 0;
    if (!over_ && events_.on_writable) events_.on_writable();
  }
  // The server's process is gone: its handler is let go and hears nothing.
  void Abandon() {
    over_ = true;
    std::exchange(events_, {});
  }
  bool over() const { return over_; }

  // REQUIRES: the call has not started.
  void SetMetadata(Metadata metadata) {
    context_.metadata.assign(metadata.begin(), metadata.end());
  }
  // What came with the answer.
  const Metadata& answer_metadata() const { return answer_metadata_; }

 private:
  const std::string method_;
  server::CallContext context_;
  std::function<void(const std::string&)> on_send_;
  std::function<void(const absl::Status&)> on_finish_;
  Metadata answer_metadata_;
  Events events_;
  std::vector<std::string> early_;
  std::string parts_;  // of a message that is not whole yet
  bool sent_ = false;
  bool over_ = false;
  bool stuck_ = false;
  size_t pending_ = 0;
};

}  // namespace keelson::sim
