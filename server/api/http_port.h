// What stands before every plain HTTP request on the client port: the list of hosts, CORS, and
// which part of the server answers.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/api/http.h"

namespace keelson::server {

struct HttpPortOptions {
  // Origins whose scripts may use the port; "*", or none: all. As --cors.
  std::vector<std::string> cors = {"*"};
  // Names in Host that are served without TLS; "*", or none: all. As --host-whitelist.
  std::vector<std::string> host_whitelist = {"*"};
};

// Loop thread only.
class HttpPort final : public HttpEndpoints {
 public:
  // Both outlive it. `gateway` answers what is below /v3/; null: nobody does.
  HttpPort(HttpPortOptions options, HttpEndpoints* gateway, HttpEndpoints& rest)
      : options_(std::move(options)), gateway_(gateway), rest_(rest) {}

  void Handle(const HttpRequest& request, std::shared_ptr<HttpReply> reply) override;

 private:
  // The value of Access-Control-Allow-Origin; empty: the field is left out.
  std::string_view AllowedOrigin(const HttpRequest& request) const;

  const HttpPortOptions options_;
  HttpEndpoints* const gateway_;
  HttpEndpoints& rest_;
};

}  // namespace keelson::server
