// A Transport that a test plays the cluster of.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "client/keelson/internal/transport.h"
#include "proto/etcd/rpc.pb.h"

namespace keelson::testing {

// A stream as the server's side sees it.
class FakeStream : public client::internal::Stream {
 public:
  FakeStream(client::internal::CallStart start, client::internal::StreamEvents events)
      : start_(std::move(start)), events_(std::move(events)) {}

  void Send(std::string message) override { sent_.push_back(std::move(message)); }
  void SendLast(std::string message) override {
    sent_.push_back(std::move(message));
    half_closed_ = true;
  }
  void Read() override { ++reads_; }
  void Cancel() override { cancelled_ = true; }

  const client::internal::CallStart& start() const { return start_; }
  const std::vector<std::string>& sent() const { return sent_; }
  bool cancelled() const { return cancelled_; }
  bool half_closed() const { return half_closed_; }
  // How many messages the client has asked for and not got.
  int reads() const { return reads_; }

  // REQUIRES: the client asked for a message.
  void Answer(const google::protobuf::MessageLite& message) {
    KEELSON_CHECK(reads_ > 0, "a transport delivers only what was asked for");
    --reads_;
    events_.on_message(message.SerializeAsString());
  }
  void End(absl::Status status, client::internal::Reach reach) {
    events_.on_end({.status = std::move(status), .reach = reach});
  }
  void Break() { End(absl::UnavailableError("Socket closed"), client::internal::Reach::kSent); }

  // The messages sent, parsed.
  template <typename Message>
  std::vector<Message> SentAs() const {
    std::vector<Message> messages(sent_.size());
    for (size_t i = 0; i < sent_.size(); ++i) {
      KEELSON_CHECK(messages[i].ParseFromString(sent_[i]), "the client sends valid messages");
    }
    return messages;
  }

 private:
  const client::internal::CallStart start_;
  const client::internal::StreamEvents events_;
  std::vector<std::string> sent_;
  int reads_ = 0;
  bool cancelled_ = false;
  bool half_closed_ = false;
};

class FakeTransport : public client::internal::Transport {
 public:
  struct Attempt {
    client::internal::CallStart start;
    std::string request;
    std::function<void(client::internal::CallEnd)> done;
  };

  void Unary(client::internal::CallStart start, std::string request,
             std::function<void(client::internal::CallEnd)> done) override {
    attempts.push_back({std::move(start), std::move(request), std::move(done)});
  }

  std::shared_ptr<client::internal::Stream> OpenStream(
      client::internal::CallStart start, client::internal::StreamEvents events) override {
    streams.push_back(std::make_shared<FakeStream>(std::move(start), std::move(events)));
    return streams.back();
  }

  // In the order of their start.
  std::vector<Attempt> attempts;
  std::vector<std::shared_ptr<FakeStream>> streams;
};

}  // namespace keelson::testing
