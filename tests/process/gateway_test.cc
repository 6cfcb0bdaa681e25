// The JSON gateway and the pages of a real member, over sockets: what its clients do with them.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/harness/http_client.h"
#include "tests/harness/http_get.h"
#include "tests/harness/ports.h"
#include "tests/harness/test_cluster.h"
#include "tests/harness/wait_until.h"

namespace keelson::testing {
namespace {

class GatewayProcessTest : public ::testing::Test {
 protected:
  void Start(int members, std::vector<std::string> flags = {}) {
    auto cluster = TestCluster::Start({.members = members, .extra_flags = std::move(flags)});
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
  }
  int port(int member = 0) { return cluster_->member(member).config().client_port; }
  std::unique_ptr<HttpClient> Connect(int member = 0) {
    auto client = HttpClient::Connect(port(member), absl::Seconds(20));
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }
  // "status body" of a POST on a connection of its own.
  std::string Post(const std::string& path, const std::string& body, int member = 0) {
    const auto answer = Connect(member)->Post(path, body);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? absl::StrCat(answer->status, " ", answer->body) : "";
  }
  double Figure(const std::string& name) {
    const auto page = HttpGet(port(), "/metrics", absl::Seconds(20));
    const size_t at = page.ok() ? page->body.find("\n" + name + " ") : std::string::npos;
    EXPECT_NE(at, std::string::npos) << name;
    return at == std::string::npos ? -1 : std::stod(page->body.substr(at + name.size() + 2));
  }

  std::unique_ptr<TestCluster> cluster_;
};

TEST_F(GatewayProcessTest, AnyMemberPutsReadsAndDeletes) {
  ASSERT_NO_FATAL_FAILURE(Start(3));
  EXPECT_TRUE(Post("/v3/kv/put", R"({"key":"Zm9v","value":"YmFy"})", 0).starts_with("200 "));
  EXPECT_TRUE(absl::StrContains(Post("/v3/kv/range", R"({"key":"Zm9v"})", 1), R"("value":"YmFy")"));
  EXPECT_TRUE(absl::StrContains(Post("/v3beta/kv/deleterange", R"({"key":"Zm9v"})", 2),
                                R"("deleted":"1")"));
  EXPECT_FALSE(absl::StrContains(Post("/v3alpha/kv/range", R"({"key":"Zm9v"})", 1), "kvs"));
}

// A named write that is sent again, to another member, is applied once and has the first answer.
TEST_F(GatewayProcessTest, ANamedWriteIsAppliedOnce) {
  ASSERT_NO_FATAL_FAILURE(Start(3));
  const std::string put = R"({"key":"Zm9v","value":"YmFy"})";
  const auto named = [&](int member, const std::string& id, const std::string& body) {
    const auto answer = Connect(member)->Post(
        "/v3/kv/put", body, absl::StrCat("Grpc-Metadata-keelson-request-id: ", id, "\r\n"));
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? *answer : HttpMessage();
  };
  const auto field = [](const HttpMessage& answer, const std::string& name) -> std::string {
    const auto found = answer.headers.find("grpc-metadata-keelson-request-" + name);
    return found == answer.headers.end() ? "" : found->second;
  };
  const auto revision = [](const HttpMessage& answer) {
    const size_t at = answer.body.find(R"("revision":)");
    return at == std::string::npos ? "none"
                                   : answer.body.substr(at, answer.body.find(',', at) - at);
  };
  HttpMessage first;
  // A young cluster takes names once all its members have said that they know them.
  ASSERT_TRUE(WaitUntil(absl::Seconds(20), [&] {
    first = named(0, "0-a", put);
    return first.status == 200;
  })) << first.body;
  EXPECT_EQ(field(first, "outcome"), "first");
  EXPECT_EQ(field(first, "position"), "1");
  ASSERT_NE(revision(first), "none");
  for (int member : {1, 2, 0}) {
    const HttpMessage again = named(member, "0-a", put);
    EXPECT_EQ(again.status, 200) << again.body;
    EXPECT_EQ(field(again, "outcome"), "repeated");
    EXPECT_EQ(revision(again), revision(first));
  }
  EXPECT_TRUE(absl::StrContains(Post("/v3/kv/range", R"({"key":"Zm9v"})", 1), R"("version":"1")"));
  for (const auto& [id, body] : std::vector<std::pair<std::string, std::string>>{
           {"nothing", put}, {"7-a", put}, {"0-a", R"({"key":"Zm9v","value":"YmF6"})"}}) {
    const HttpMessage refused = named(1, id, body);
    EXPECT_EQ(refused.status, 400) << id;
    EXPECT_TRUE(absl::StrContains(refused.body, R"("code":3)")) << refused.body;
    EXPECT_EQ(field(refused, "outcome"), "");
  }
}

TEST_F(GatewayProcessTest, AWatchIsReadLineByLineAndEndsWithItsClient) {
  ASSERT_NO_FATAL_FAILURE(Start(1));
  auto watch = Connect();
  ASSERT_TRUE(watch->SendPost("/v3/watch", R"({"create_request":{"key":"Zm9v"}})").ok());
  const auto head = watch->ReadHead();
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_EQ(head->status, 200);
  const auto created = watch->ReadLine();
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_TRUE(created->starts_with("{\"result\":{")) << *created;
  EXPECT_TRUE(absl::StrContains(*created, R"("created":true)"));
  EXPECT_EQ(Figure("etcd_debugging_mvcc_watcher_total"), 1);
  for (const char* value : {"MQ==", "Mg=="}) {
    Post("/v3/kv/put", absl::StrCat(R"({"key":"Zm9v","value":")", value, "\"}"));
    const auto event = watch->ReadLine();
    ASSERT_TRUE(event.ok()) << event.status();
    EXPECT_TRUE(absl::StrContains(*event, absl::StrCat(R"("value":")", value, "\""))) << *event;
  }
  watch.reset();
  EXPECT_TRUE(WaitUntil(absl::Seconds(5),
                        [&] { return Figure("etcd_debugging_mvcc_watch_stream_total") == 0; }));
}

TEST_F(GatewayProcessTest, AStoppedMemberEndsItsStreamsWithAnErrorLine) {
  ASSERT_NO_FATAL_FAILURE(Start(1));
  const auto watch = Connect();
  ASSERT_TRUE(watch->SendPost("/v3/watch", R"({"create_request":{"key":"Zm9v"}})").ok());
  ASSERT_TRUE(watch->ReadHead().ok());
  ASSERT_TRUE(watch->ReadLine().ok());
  cluster_->member(0).Stop();
  const auto line = watch->ReadLine();
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(*line,
            R"({"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: server stopped",)"
            R"("http_status":"Service Unavailable","code":14}})");
}

TEST_F(GatewayProcessTest, ALargeAnswerComesWholeAndALargePutGoesThrough) {
  ASSERT_NO_FATAL_FAILURE(Start(1));
  std::string encoded;
  while (encoded.size() < 1'333'332) encoded += "dnZ2";  // of "vvv"
  for (int i = 0; i < 4; ++i) {
    const std::string key = absl::StrCat("YWF", std::string(1, static_cast<char>('a' + i)));
    EXPECT_TRUE(
        Post("/v3/kv/put", absl::StrCat(R"({"key":")", key, R"(","value":")", encoded, "\"}"))
            .starts_with("200 "));
  }
  const std::string all = Post("/v3/kv/range", R"({"key":"YQ==","range_end":"Yg=="})");
  EXPECT_TRUE(all.starts_with("200 "));
  EXPECT_GT(all.size(), 4 * encoded.size());
  EXPECT_TRUE(absl::StrContains(all, R"("count":"4")"));
  std::string too_large = encoded;
  while (too_large.size() < 2'200'000) too_large += "dnZ2";
  EXPECT_EQ(Post("/v3/kv/put", absl::StrCat(R"({"key":"YQ==","value":")", too_large, "\"}")),
            "400 {\"error\":\"etcdserver: request is too large\",\"code\":3,"
            "\"message\":\"etcdserver: request is too large\"}");
}

TEST_F(GatewayProcessTest, OneConnectionPipelinesChunksWaitsAndIsKept) {
  ASSERT_NO_FATAL_FAILURE(Start(1));
  const auto client = Connect();
  const std::string put =
      "POST /v3/kv/put HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
      "Content-Length: 29\r\n\r\n{\"key\":\"YQ==\",\"value\":\"MQ==\"}";
  ASSERT_TRUE(client->Write(put + "HEAD /version HTTP/1.1\r\nHost: a\r\n\r\n" + put).ok());
  auto answer = client->Read();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 200);
  EXPECT_TRUE(absl::StrContains(answer->body, R"("revision":"2")")) << answer->body;
  answer = client->Read(/*to_head=*/true);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->headers["content-type"], "application/json");
  answer = client->Read();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_TRUE(absl::StrContains(answer->body, R"("revision":"3")")) << answer->body;

  ASSERT_TRUE(client
                  ->Write("POST /v3/kv/range HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                          "Transfer-Encoding: chunked\r\n\r\n")
                  .ok());
  answer = client->Read();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 100);
  ASSERT_TRUE(client->Write("7\r\n{\"key\":\r\n7\r\n\"YQ==\"}\r\n0\r\n\r\n").ok());
  answer = client->Read();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_TRUE(absl::StrContains(answer->body, R"("value":"MQ==")")) << answer->body;
}

TEST_F(GatewayProcessTest, FlagsNarrowWhatIsServed) {
  ASSERT_NO_FATAL_FAILURE(Start(1, {"--enable-grpc-gateway=false", "--cors=http://a,http://b",
                                    "--host-whitelist=localhost"}));
  EXPECT_EQ(Post("/v3/kv/range", R"({"key":"YQ=="})"), "404 404 page not found\n");
  const auto client = Connect();
  ASSERT_TRUE(
      client->Write("GET /health HTTP/1.1\r\nHost: localhost:1\r\nOrigin: http://b\r\n\r\n").ok());
  auto answer = client->Read();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->headers["access-control-allow-origin"], "http://b");
  ASSERT_TRUE(client->Write("GET /health HTTP/1.1\r\nHost: evil\r\n\r\n").ok());
  answer = client->Read();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 421);
}

TEST_F(GatewayProcessTest, MonitoringHasAPortOfItsOwn) {
  const PortLease port;
  ASSERT_NO_FATAL_FAILURE(
      Start(1, {absl::StrCat("--listen-metrics-urls=http://127.0.0.1:", port.port())}));
  const auto get = [&](const std::string& path) {
    const auto answer = HttpGet(port.port(), path, absl::Seconds(20));
    return answer.ok() ? absl::StrCat(answer->status, " ", answer->body) : "none";
  };
  EXPECT_EQ(get("/livez"), "200 ok");
  EXPECT_EQ(get("/readyz"), "200 ok");
  EXPECT_EQ(get("/health"), "200 {\"health\":\"true\",\"reason\":\"\"}");
  EXPECT_TRUE(absl::StrContains(get("/metrics"), "\netcd_server_has_leader 1\n"));
  EXPECT_TRUE(get("/v3/kv/range").starts_with("404 "));
  const auto vars =
      HttpGet(cluster_->member(0).config().client_port, "/debug/vars", absl::Seconds(20));
  ASSERT_TRUE(vars.ok()) << vars.status();
  EXPECT_TRUE(vars->body.starts_with("{\"cmdline\":[\"")) << vars->body;
  EXPECT_TRUE(absl::StrContains(vars->body, "--listen-metrics-urls=")) << vars->body;
  EXPECT_TRUE(absl::StrContains(vars->body, "\"raftState\":\"StateLeader\"")) << vars->body;
}

}  // namespace
}  // namespace keelson::testing
