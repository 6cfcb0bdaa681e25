// HTTP/1.1 on the same port: pipelining, keep-alive, limits, timeouts.
#include <gtest/gtest.h>

#include "tests/rpc/harness.h"

namespace keelson::server {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

std::string Get(const std::string& path, const std::string& extra = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: a\r\n" + extra + "\r\n";
}

std::string Ok(const std::string& body, const std::string& extra = "") {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n" + extra + "\r\n" + body;
}

TEST(Http1SessionTest, ARequestIsAnsweredForEveryCutOfTheBytes) {
  const std::string wire = "POST /p?q HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
  for (size_t cut = 1; cut <= wire.size(); ++cut) {
    Harness server;
    server.Deliver(wire, cut);
    EXPECT_EQ(server.TakeOutput(), Ok("POST /p?q body")) << cut;
    EXPECT_FALSE(server.hung_up());
  }
}

TEST(Http1SessionTest, PipelinedRequestsAreAnsweredInOrder) {
  Harness server;
  server.Deliver(Get("/1") + Get("/2") + Get("/3"));
  EXPECT_EQ(server.TakeOutput(), Ok("GET /1? ") + Ok("GET /2? ") + Ok("GET /3? "));
}

TEST(Http1SessionTest, ASlowAnswerHoldsBackThePipelineBehindIt) {
  Harness server;
  std::vector<TestEndpoints::Respond> pending;
  server.endpoints.handler = [&](const HttpRequest&, TestEndpoints::Respond respond) {
    pending.push_back(std::move(respond));
  };
  server.Deliver(Get("/1") + Get("/2"));
  ASSERT_EQ(pending.size(), 1u);
  EXPECT_FALSE(server.transport->armed());
  pending[0]({.body = "one", .headers = {}});
  server.Settle();
  EXPECT_EQ(server.TakeOutput(), Ok("one"));
  ASSERT_EQ(pending.size(), 2u);
  pending[0]({.body = "again", .headers = {}});
  pending[1]({.body = "two", .headers = {}});
  server.Settle();
  EXPECT_EQ(server.TakeOutput(), Ok("two"));
  EXPECT_TRUE(server.transport->armed());
}

TEST(Http1SessionTest, AClientThatPipelinesWithoutReadingIsHeldBack) {
  Harness server;
  server.endpoints.handler = [](const HttpRequest&, TestEndpoints::Respond respond) {
    respond({.body = std::string(10'000, 'x'), .headers = {}});
  };
  server.transport->capacity = 0;
  std::string many;
  for (int i = 0; i < 1000; ++i) many += Get("/");
  server.Deliver(many);
  EXPECT_LT(server.endpoints.requests, 100);
  EXPECT_FALSE(server.transport->armed());
  server.transport->Unblock(SIZE_MAX);
  server.Settle();
  EXPECT_EQ(server.endpoints.requests, 1000);
  EXPECT_TRUE(server.transport->armed());
}

TEST(Http1SessionTest, AnswersHaveTheDateOfTheirSecond) {
  using std::chrono::milliseconds;
  std::chrono::system_clock::time_point now{milliseconds(784'111'777'999)};
  FrontEndOptions options;
  options.wall_clock = [&now] { return now; };
  Harness server(options);
  const auto dated = [](const std::string& date, const std::string& path) {
    std::string answer = Ok("GET " + path + "? ");
    return answer.insert(answer.find("Content-Type"), "Date: " + date + "\r\n");
  };
  server.Deliver(Get("/1"));
  EXPECT_EQ(server.TakeOutput(), dated("Sun, 06 Nov 1994 08:49:37 GMT", "/1"));
  now += milliseconds(1);
  server.Deliver(Get("/2"));
  EXPECT_EQ(server.TakeOutput(), dated("Sun, 06 Nov 1994 08:49:38 GMT", "/2"));
  now -= std::chrono::hours(24);  // somebody has set it
  server.Deliver("GET / HTTP/1.1\r\n\r\n");
  const std::string refused = server.TakeOutput();
  EXPECT_TRUE(
      refused.starts_with("HTTP/1.1 400 Bad Request\r\nDate: Sat, 05 Nov 1994 08:49:38 GMT"))
      << refused;
}

TEST(Http1SessionTest, HeadHasTheLengthAndNoBody) {
  Harness server;
  server.Deliver("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(server.TakeOutput(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: "
            "9\r\n\r\n");
}

TEST(Http1SessionTest, ConnectionCloseAndHttp10AreHonoured) {
  Harness closing;
  closing.Deliver(Get("/", "Connection: close\r\n"));
  EXPECT_EQ(closing.TakeOutput(), Ok("GET /? ", "Connection: close\r\n"));
  EXPECT_TRUE(closing.hung_up());
  Harness old;
  old.Deliver("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(old.TakeOutput(), Ok("GET /? ", "Connection: keep-alive\r\n"));
  EXPECT_FALSE(old.hung_up());
}

TEST(Http1SessionTest, ExpectContinueIsAnsweredBeforeTheBody) {
  Harness server;
  server.Deliver("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(server.TakeOutput(), "HTTP/1.1 100 Continue\r\n\r\n");
  server.Deliver("ok");
  EXPECT_EQ(server.TakeOutput(), Ok("POST /? ok"));
}

TEST(Http1SessionTest, ErrorsAreAnsweredAndEndTheConnection) {
  const std::pair<std::string, std::string> cases[] = {
      {"nonsense\r\n\r\n", "400 Bad Request"},
      {"GET / HTTP/1.1\r\n\r\n", "400 Bad Request"},
      {"GET / HTTP/3.0\r\n\r\n", "505 HTTP Version Not Supported"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", "413 Content Too Large"},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(70'000, 'x'),
       "431 Request Header Fields Too Large"},
      {"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", "501 Not Implemented"},
      {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", 12), "400 Bad Request"},
  };
  for (const auto& [wire, status] : cases) {
    Harness server;
    server.Deliver(wire, 4096);
    const std::string output = server.TakeOutput();
    EXPECT_TRUE(output.starts_with("HTTP/1.1 " + status + "\r\n")) << output;
    EXPECT_NE(output.find("Connection: close\r\n"), std::string::npos);
    EXPECT_EQ(server.endpoints.requests, 0);
    EXPECT_TRUE(server.hung_up());
  }
}

TEST(Http1SessionTest, WhatCameBeforeAnErrorIsStillAnswered) {
  Harness server;
  server.Deliver(Get("/1") + "junk\r\n\r\n" + Get("/2"));
  EXPECT_TRUE(server.TakeOutput().starts_with(Ok("GET /1? ") + "HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_EQ(server.endpoints.requests, 1);
}

TEST(Http1SessionTest, HeaderValuesThatWouldSplitTheAnswerAreDropped) {
  Harness server;
  server.endpoints.handler = [](const HttpRequest&, TestEndpoints::Respond respond) {
    respond({.body = "x", .headers = {{"A", "1"}, {"B", "2\r\nEvil: 1"}}});
  };
  server.Deliver(Get("/"));
  EXPECT_EQ(server.TakeOutput(), Ok("x", "A: 1\r\n"));
}

TEST(Http1SessionTest, ASlowHeadIs408AndAnIdleConnectionIsClosedSilently) {
  Harness slow;
  slow.Deliver("GET / HT");
  slow.Advance(seconds(5));
  slow.Deliver("TP/1.1\r\n");  // more bytes buy no more time
  slow.Advance(seconds(5));
  EXPECT_TRUE(slow.TakeOutput().starts_with("HTTP/1.1 408 Request Timeout\r\n"));
  EXPECT_TRUE(slow.hung_up());

  Harness body;
  body.Deliver("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx");
  body.Advance(seconds(59));
  EXPECT_FALSE(body.hung_up());
  body.Advance(seconds(1));
  EXPECT_TRUE(body.TakeOutput().starts_with("HTTP/1.1 408 "));

  Harness idle;
  idle.Deliver(Get("/"));
  idle.TakeOutput();
  idle.Advance(minutes(4));
  EXPECT_FALSE(idle.hung_up());
  idle.Advance(minutes(1));
  EXPECT_EQ(idle.TakeOutput(), "");
  EXPECT_TRUE(idle.hung_up());
}

TEST(Http1SessionTest, AnEndpointMayTakeLongerThanAnyTimeoutOfTheRequest) {
  Harness server;
  TestEndpoints::Respond respond;
  server.endpoints.handler = [&](const HttpRequest&, TestEndpoints::Respond r) { respond = r; };
  server.Deliver(Get("/"));
  server.Advance(minutes(60));
  EXPECT_FALSE(server.hung_up());
  respond({.body = "at last", .headers = {}});
  server.Settle();
  EXPECT_EQ(server.TakeOutput(), Ok("at last"));
}

TEST(Http1SessionTest, AClientThatShutsItsSideStillGetsItsAnswers) {
  Harness server;
  TestEndpoints::Respond respond;
  server.endpoints.handler = [&](const HttpRequest&, TestEndpoints::Respond r) { respond = r; };
  server.Deliver(Get("/1"));
  server.DeliverEof();
  EXPECT_FALSE(server.hung_up());
  respond({.body = "one", .headers = {}});
  server.Settle();
  EXPECT_EQ(server.TakeOutput(), Ok("one"));
  EXPECT_TRUE(server.transport->closed);
}

using ReplyPtr = std::shared_ptr<HttpReply>;

// A session whose endpoint hands its reply to the test.
struct Streaming {
  explicit Streaming(const std::string& request) {
    server.endpoints.on_request = [this](const HttpRequest&, ReplyPtr r) {
      reply = std::move(r);
      reply->SetEvents({.on_end = [this] { ++ends; }, .on_writable = [this] { ++writable; }});
    };
    server.Deliver(request);
  }
  ReplyPtr reply;
  int ends = 0;
  int writable = 0;
  Harness server;  // its end may call the counters
};

TEST(Http1SessionTest, AnAnswerInPartsIsChunkedAndEachTurnsPartsLeaveAtItsEnd) {
  Streaming http(Get("/1") + Get("/2"));
  http.reply->Begin({.body = "ignored", .headers = {{"A", "1"}}});
  http.server.Settle();
  EXPECT_EQ(http.server.TakeOutput(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
            "Transfer-Encoding: chunked\r\nA: 1\r\n\r\n");
  const size_t writes = http.server.transport->writes;
  http.reply->Write("one");
  http.reply->Write("");  // not the end
  http.reply->Write(std::string(20, 'x'));
  http.server.Settle();
  EXPECT_EQ(http.server.TakeOutput(), "3\r\none\r\n14\r\n" + std::string(20, 'x') + "\r\n");
  EXPECT_EQ(http.server.transport->writes, writes + 1);
  const ReplyPtr first = http.reply;
  first->End();
  http.server.Settle();
  EXPECT_EQ(http.server.TakeOutput(), "0\r\n\r\n");
  EXPECT_NE(http.reply, first) << "the next request has its turn";
  first->Write("late");
  http.reply->Respond({.body = "two", .headers = {}});
  http.server.Settle();
  EXPECT_EQ(http.server.TakeOutput(), Ok("two"));
  EXPECT_EQ(http.ends, 0);
}

TEST(Http1SessionTest, ToHttp10AnAnswerInPartsEndsWithTheConnection) {
  Streaming http("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  http.reply->Begin({.body = "", .headers = {}});
  http.reply->Write("one");
  http.reply->End();
  http.server.Settle();
  const std::string output = http.server.TakeOutput();
  EXPECT_NE(output.find("Connection: close\r\n\r\none"), std::string::npos) << output;
  EXPECT_TRUE(output.ends_with("one"));
  EXPECT_TRUE(http.server.hung_up());
}

TEST(Http1SessionTest, AStreamHearsOfAClientThatGoesAwayOrShutsItsSide) {
  Streaming broken(Get("/"));
  broken.reply->Begin({.body = "", .headers = {}});
  broken.server.Settle();
  EXPECT_TRUE(broken.server.transport->armed()) << "else nobody would notice";
  broken.server.transport->Break();
  EXPECT_EQ(broken.ends, 1);
  broken.reply->Write("late");

  Streaming shut(Get("/"));
  shut.reply->Begin({.body = "", .headers = {}});
  shut.server.DeliverEof();
  EXPECT_EQ(shut.ends, 1);
  EXPECT_TRUE(shut.server.transport->closed);

  Streaming early(Get("/"));
  early.server.transport->Break();
  EXPECT_EQ(early.ends, 1);
  EXPECT_EQ(early.reply->pending_bytes(), 0u);
}

TEST(Http1SessionTest, AStreamHearsWhenItsClientReadsOn) {
  Streaming http(Get("/"));
  http.server.transport->capacity = 0;
  http.reply->Begin({.body = "", .headers = {}});
  http.server.Settle();
  http.reply->Write(std::string(Call::kHighWater, 'x'));
  EXPECT_GT(http.reply->pending_bytes(), Call::kHighWater);
  http.server.Settle();
  EXPECT_EQ(http.writable, 0);
  http.server.transport->Unblock(Call::kHighWater / 2);
  http.server.Settle();
  EXPECT_EQ(http.writable, 0) << "there is still more to send than the low mark";
  http.server.transport->Unblock(SIZE_MAX);
  http.server.Settle();
  EXPECT_EQ(http.writable, 1);
  EXPECT_EQ(http.reply->pending_bytes(), 0u);
  EXPECT_GT(http.server.TakeOutput().size(), Call::kHighWater);
}

TEST(Http1SessionTest, HeadOfAStreamHasNoBody) {
  Streaming http("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  http.reply->Begin({.body = "", .headers = {}});
  http.reply->Write("one");
  http.reply->End();
  http.server.Settle();
  EXPECT_TRUE(http.server.TakeOutput().ends_with("Transfer-Encoding: chunked\r\n\r\n"));
}

TEST(Http1SessionTest, DrainClosesIdleConnectionsAndEndsBusyOnesAfterTheirAnswer) {
  Harness idle;
  idle.Deliver(Get("/"));
  idle.connection->Drain();
  idle.Settle();
  EXPECT_TRUE(idle.hung_up());

  Harness busy;
  TestEndpoints::Respond respond;
  busy.endpoints.handler = [&](const HttpRequest&, TestEndpoints::Respond r) { respond = r; };
  busy.Deliver(Get("/"));
  busy.connection->Drain();
  busy.Settle();
  EXPECT_FALSE(busy.hung_up());
  respond({.body = "last", .headers = {}});
  busy.Settle();
  EXPECT_EQ(busy.TakeOutput(), Ok("last", "Connection: close\r\n"));
  EXPECT_TRUE(busy.hung_up());
}

}  // namespace
}  // namespace keelson::server
