// A plain request on an HTTP/2 stream: collects the body, asks HttpEndpoints, sends the answer.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "server/api/call.h"
#include "server/rpc/http2_stream.h"
#include "server/rpc/session_context.h"

namespace keelson::server {

class HttpExchange final : public StreamRole, public std::enable_shared_from_this<HttpExchange> {
 public:
  // Takes over the stream's head.
  explicit HttpExchange(Http2Stream& stream);

  void OnData(std::string_view bytes) override;
  void OnHalfClose() override { half_closed_ = true; }
  void OnRoom() override {}
  void OnClosed() override { stream_ = nullptr; }
  void Run() override;

 private:
  void Respond(const HttpResponse& response);

  SessionContext& context_;
  Http2Stream* stream_;  // null once it is closed
  std::string body_;
  bool half_closed_ = false;
  bool too_large_ = false;
  bool asked_ = false;
  bool responded_ = false;
};

}  // namespace keelson::server
