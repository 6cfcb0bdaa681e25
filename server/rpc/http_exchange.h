// A plain request on an HTTP/2 stream: collects the body, asks HttpEndpoints, sends the answer.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "server/api/http.h"
#include "server/rpc/http2_stream.h"
#include "server/rpc/session_context.h"

namespace keelson::server {

class HttpExchange final : public HttpReply,
                           public StreamRole,
                           public std::enable_shared_from_this<HttpExchange> {
 public:
  // Takes over the stream's head.
  explicit HttpExchange(Http2Stream& stream);

  void SetEvents(Events events) override { events_ = std::move(events); }
  void Respond(HttpResponse response) override;
  void Begin(HttpResponse head) override;
  void Write(std::string bytes) override;
  void End() override;
  size_t pending_bytes() const override { return stream_ ? stream_->pending_bytes() : 0; }

  void OnData(std::string_view bytes) override;
  void OnHalfClose() override { half_closed_ = true; }
  void OnRoom() override { room_ = true; }
  void OnClosed() override { stream_ = nullptr; }
  void Run() override;

 private:
  enum class State { kReading, kAsked, kBegun, kEnded };

  void Ask();
  void SendHead(const HttpResponse& head, bool with_length, bool end);
  bool bodiless(const HttpResponse& head) const;
  void TellEnd();

  SessionContext& context_;
  Http2Stream* stream_;  // null once it is closed
  std::string body_;
  Events events_;
  State state_ = State::kReading;
  bool half_closed_ = false;
  bool too_large_ = false;
  bool mute_ = false;  // the answer has no body
  bool room_ = false;
};

}  // namespace keelson::server
