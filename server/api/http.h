// A plain HTTP request as an endpoint sees it, on HTTP/1.1 and on HTTP/2 without gRPC: a request, a
// way to reply, and no transport.
//
// Thread rule: everything here is called on the thread of the front end. A reply never calls back
// from inside its own methods.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keelson::server {

// Whole, body and all. The views are valid during HttpEndpoints::Handle only.
struct HttpRequest {
  std::string_view method;  // "GET"
  std::string_view path;    // without the query
  std::string_view query;   // without "?"
  std::string_view body;
  std::string_view peer;                                     // "127.0.0.1:43210"
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case

  // The first value of `name` (lower case); empty if there is none.
  std::string_view Find(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return {};
  }
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

// Either Respond once, or Begin, Write any number of times, and End. What comes after the end, or
// once the client is gone, does nothing.
class HttpReply {
 public:
  // Unset functions are skipped; after `on_end` nothing is called any more.
  struct Events {
    // The client is gone and the answer was not complete.
    std::function<void()> on_end;
    // pending_bytes() fell below Call::kLowWater after it had reached Call::kHighWater.
    std::function<void()> on_writable;
  };

  virtual ~HttpReply() = default;

  // REQUIRES: called at most once, inside HttpEndpoints::Handle.
  virtual void SetEvents(Events events) = 0;

  virtual void Respond(HttpResponse response) = 0;

  // Status and fields of an answer that comes in parts; `head.body` is ignored. Each turn's parts
  // leave at its end.
  virtual void Begin(HttpResponse head) = 0;
  virtual void Write(std::string bytes) = 0;
  virtual void End() = 0;

  // Bytes written that the connection has not taken yet.
  virtual size_t pending_bytes() const = 0;
};

class HttpEndpoints {
 public:
  virtual ~HttpEndpoints() = default;
  // Answers through `reply`, now or later.
  virtual void Handle(const HttpRequest& request, std::shared_ptr<HttpReply> reply) = 0;
};

}  // namespace keelson::server
