// Hosts, origins, and who answers which path.
#include "server/api/http_port.h"

#include <gtest/gtest.h>

#include "tests/api/gateway_harness.h"

namespace keelson::server {
namespace {

class Named final : public HttpEndpoints {
 public:
  explicit Named(std::string name) : name_(std::move(name)) {}
  void Handle(const HttpRequest&, std::shared_ptr<HttpReply> reply) override {
    reply->Begin({.body = "", .headers = {{"X", "1"}}});
    reply->Write(name_);
    reply->End();
  }

 private:
  const std::string name_;
};

class HttpPortTest : public ::testing::Test {
 protected:
  std::shared_ptr<KeptReply> Ask(const HttpPortOptions& options, std::string_view path,
                                 std::vector<std::pair<std::string, std::string>> headers = {},
                                 std::string_view method = "GET", bool with_gateway = true) {
    HttpPort port(options, with_gateway ? &gateway_ : nullptr, rest_);
    auto reply = std::make_shared<KeptReply>();
    HttpRequest request;
    request.method = method;
    request.path = path;
    request.headers = std::move(headers);
    port.Handle(request, reply);
    return reply;
  }

  Named gateway_{"gateway"}, rest_{"rest"};
};

TEST_F(HttpPortTest, TheGatewayHasItsPrefixesAndTheRestTheOthers) {
  for (const char* path : {"/v3/kv/put", "/v3/", "/v3alpha/x", "/v3beta/x"}) {
    EXPECT_EQ(Ask({}, path)->text, "gateway") << path;
    EXPECT_EQ(Ask({}, path, {}, "GET", /*with_gateway=*/false)->text, "rest") << path;
  }
  for (const char* path : {"/v3", "/health", "/", "/v3x/"}) EXPECT_EQ(Ask({}, path)->text, "rest");
}

TEST_F(HttpPortTest, EveryOriginIsAllowedUnlessThereIsAList) {
  const auto any = Ask({}, "/health");
  EXPECT_EQ(any->Field("Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(any->Field("Access-Control-Allow-Methods"), "POST, GET, OPTIONS, PUT, DELETE");
  EXPECT_EQ(any->Field("Access-Control-Allow-Headers"), "accept, content-type, authorization");
  EXPECT_EQ(any->Field("X"), "1");
  const HttpPortOptions listed{.cors = {"http://a", "http://b"}};
  EXPECT_EQ(Ask(listed, "/", {{"origin", "http://b"}})->Field("Access-Control-Allow-Origin"),
            "http://b");
  for (const char* other : {"http://c", "*"}) {
    const auto reply = Ask(listed, "/", {{"origin", other}});
    EXPECT_EQ(reply->Field("Access-Control-Allow-Origin"), "") << other;
    EXPECT_EQ(reply->text, "rest") << "the browser refuses, not we";
  }
  EXPECT_EQ(Ask(listed, "/")->Field("Access-Control-Allow-Origin"), "");
}

TEST_F(HttpPortTest, OptionsIsAnsweredForEveryPath) {
  const auto reply = Ask({}, "/v3/kv/put", {}, "OPTIONS");
  EXPECT_EQ(reply->head.status, 200);
  EXPECT_EQ(reply->text, "");
  EXPECT_EQ(reply->Field("Access-Control-Allow-Origin"), "*");
}

TEST_F(HttpPortTest, AHostThatIsNotListedIs421) {
  const HttpPortOptions listed{.host_whitelist = {"example.com", "::1"}};
  for (const char* host : {"example.com", "example.com:2379", "[::1]:2379", "[::1]"}) {
    EXPECT_EQ(Ask(listed, "/", {{"host", host}})->head.status, 200) << host;
  }
  for (const char* host : {"evil.com", "example.com.evil.com:2379", "", "*"}) {
    EXPECT_EQ(Ask(listed, "/v3/kv/put", {{"host", host}})->head.status, 421) << host;
  }
  EXPECT_EQ(Ask({.host_whitelist = {}}, "/", {{"host", "any"}})->head.status, 200);
  EXPECT_EQ(Ask({.host_whitelist = {"a", "*"}}, "/", {{"host", "any"}})->head.status, 200);
}

}  // namespace
}  // namespace keelson::server
