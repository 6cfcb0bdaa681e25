#include "server/rpc/http1_parser.h"

#include <gtest/gtest.h>

#include <string>

namespace keelson::server {
namespace {

Http1Parser Parse(std::string_view bytes, Http1Limits limits = {}) {
  Http1Parser parser(limits);
  while (!bytes.empty() && !parser.done() && !parser.failed()) {
    bytes.remove_prefix(parser.Feed(bytes));
  }
  return parser;
}

int ErrorOf(std::string_view bytes, Http1Limits limits = {}) {
  const Http1Parser parser = Parse(bytes, limits);
  return parser.failed() ? parser.error_status() : 0;
}

TEST(Http1ParserTest, ARequestIsTheSameForEveryCutOfTheBytes) {
  const std::string wire =
      "POST /v3/kv/put?x=1 HTTP/1.1\r\nHost: a:1\r\nX-Name:  a b \t\r\nContent-Length: 5\r\n\r\n"
      "hello";
  for (size_t cut = 1; cut <= wire.size(); ++cut) {
    Http1Parser parser({});
    for (size_t at = 0; at < wire.size(); at += cut) {
      const std::string_view part = std::string_view(wire).substr(at, cut);
      ASSERT_EQ(parser.Feed(part), part.size());
    }
    ASSERT_TRUE(parser.done());
    EXPECT_EQ(parser.request().method, "POST");
    EXPECT_EQ(parser.request().target, "/v3/kv/put?x=1");
    EXPECT_EQ(parser.request().body, "hello");
    EXPECT_TRUE(parser.request().keep_alive);
    ASSERT_EQ(parser.request().headers.size(), 3u);
    EXPECT_EQ(parser.request().headers[1].first, "x-name");
    EXPECT_EQ(parser.request().headers[1].second, "a b");
  }
}

TEST(Http1ParserTest, AChunkedBodyIsJoinedAndItsTrailersAreDropped) {
  const std::string wire =
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5;ext=1\r\nhello\r\nA\r\n, 01234567\r\n0\r\nX-T: 1\r\n\r\n";
  for (size_t cut = 1; cut <= wire.size(); ++cut) {
    Http1Parser parser({});
    for (size_t at = 0; at < wire.size(); at += cut) {
      parser.Feed(std::string_view(wire).substr(at, cut));
    }
    ASSERT_TRUE(parser.done()) << cut;
    EXPECT_EQ(parser.request().body, "hello, 01234567");
  }
}

TEST(Http1ParserTest, ManySmallChunksDoNotUseUpTheHeadsAllowance) {
  std::string wire = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 1000; ++i) wire += "1\r\nx\r\n";
  wire += "0\r\n\r\n";
  const Http1Parser parser = Parse(wire, {.max_head_bytes = 200});
  ASSERT_TRUE(parser.done());
  EXPECT_EQ(parser.request().body.size(), 1000u);
}

TEST(Http1ParserTest, FeedStopsBehindOneRequest) {
  const std::string one = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  Http1Parser parser({});
  EXPECT_EQ(parser.Feed(one + one), one.size());
  ASSERT_TRUE(parser.done());
  parser.Reset();
  EXPECT_TRUE(parser.idle());
  EXPECT_EQ(parser.Feed(one), one.size());
  EXPECT_TRUE(parser.done());
}

TEST(Http1ParserTest, KeepAliveFollowsTheVersionAndTheConnectionField) {
  EXPECT_TRUE(Parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n").request().keep_alive);
  EXPECT_FALSE(
      Parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n").request().keep_alive);
  EXPECT_FALSE(Parse("GET / HTTP/1.0\r\n\r\n").request().keep_alive);
  EXPECT_TRUE(Parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").request().keep_alive);
}

TEST(Http1ParserTest, TargetsMayBeAbsoluteOrAsterisk) {
  EXPECT_EQ(Parse("GET http://h:1/p?q HTTP/1.1\r\nHost: a\r\n\r\n").request().target, "/p?q");
  EXPECT_EQ(Parse("GET http://h HTTP/1.1\r\nHost: a\r\n\r\n").request().target, "/");
  EXPECT_EQ(Parse("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").request().target, "*");
  EXPECT_EQ(ErrorOf("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf("GET http://h?q HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

TEST(Http1ParserTest, MalformedRequestLinesAreRefused) {
  EXPECT_EQ(ErrorOf("GET /\r\n"), 400);
  EXPECT_EQ(ErrorOf("GET  / HTTP/1.1\r\n"), 400);
  EXPECT_EQ(ErrorOf("GET / HTTP/1.1 \r\n"), 400);
  EXPECT_EQ(ErrorOf("G T / HTTP/1.1\r\n"), 400);
  EXPECT_EQ(ErrorOf("GET x HTTP/1.1\r\n"), 400);
  EXPECT_EQ(ErrorOf("GET /\x01 HTTP/1.1\r\n"), 400);
  EXPECT_EQ(ErrorOf("GET /a#b HTTP/1.1\r\n"), 400);
  EXPECT_EQ(ErrorOf("GET / HTTP/1.1\n"), 400);
  EXPECT_EQ(ErrorOf("\r\n\r\nGET / HTTP/1.1\r\n"), 400);
  EXPECT_EQ(ErrorOf("GET / HTTP/2.0\r\n"), 505);
  EXPECT_EQ(ErrorOf("PRI * HTTP/2.0\r\n"), 505);
  EXPECT_EQ(ErrorOf("BREW / HTTP/1.1\r\n"), 501);
  EXPECT_EQ(ErrorOf("CONNECT a:1 HTTP/1.1\r\n"), 501);
  EXPECT_EQ(ErrorOf("\x16\x03\x01\x02\n"), 400);
}

TEST(Http1ParserTest, WhatSmugglesRequestsIsRefused) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\n";
  EXPECT_EQ(ErrorOf(head + "X : 1\r\n"), 400);
  EXPECT_EQ(ErrorOf(head + " folded\r\n"), 400);
  EXPECT_EQ(ErrorOf(head + "X\r\n"), 400);
  EXPECT_EQ(ErrorOf(head + ": 1\r\n"), 400);
  EXPECT_EQ(ErrorOf(head + "X: a\x01\r\n"), 400);
  EXPECT_EQ(ErrorOf(head + "X: a\rb\r\n"), 400);
  EXPECT_EQ(ErrorOf(head + "X: 1\n\r\n"), 400);
  EXPECT_EQ(ErrorOf(head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf(head + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf(head + "Content-Length: 1, 1\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf(head + "Content-Length: +1\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf(head + "Content-Length: 0x1\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf(head + "Content-Length: \r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf(head + "Content-Length: 99999999999999999999\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf(head + "Host: b\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf(head + "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501);
  EXPECT_EQ(ErrorOf(head + "Expect: more\r\n\r\n"), 417);
}

TEST(Http1ParserTest, MalformedChunksAreRefused) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(ErrorOf(head + "x\r\n"), 400);
  EXPECT_EQ(ErrorOf(head + "\r\n"), 400);
  EXPECT_EQ(ErrorOf(head + "-1\r\n"), 400);
  EXPECT_EQ(ErrorOf(head + "1\r\nxy\r\n"), 400);
  EXPECT_EQ(ErrorOf(head + "1\nx\r\n"), 400);
  EXPECT_EQ(ErrorOf(head + "ffffffffffffffff\r\n"), 400);
  EXPECT_EQ(ErrorOf(head + "fffffffffffffff\r\n"), 413);
  EXPECT_EQ(ErrorOf(head + "1;" + std::string(300, 'x') + "\r\n"), 400);
}

TEST(Http1ParserTest, LimitsHoldBeforeTheBytesAreStored) {
  const Http1Limits limits{.max_head_bytes = 1000, .max_body_bytes = 10};
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\n";
  EXPECT_EQ(ErrorOf(head + "Content-Length: 11\r\n\r\n", limits), 413);
  EXPECT_EQ(ErrorOf(head + "Content-Length: 10\r\n\r\n0123456789", limits), 0);
  EXPECT_EQ(ErrorOf(head + "Transfer-Encoding: chunked\r\n\r\n6\r\n012345\r\n5\r\n", limits), 413);
  EXPECT_EQ(ErrorOf(head + "X: " + std::string(1000, 'x'), limits), 431);
  EXPECT_EQ(ErrorOf("GET /" + std::string(20'000, 'x')), 414);
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 200; ++i) many += "a: b\r\n";
  EXPECT_EQ(ErrorOf(many), 431);
  std::string trailers = head + "Transfer-Encoding: chunked\r\n\r\n0\r\n";
  for (int i = 0; i < 200; ++i) trailers += "a: bcdefghij\r\n";
  EXPECT_EQ(ErrorOf(trailers, limits), 431);
}

TEST(Http1ParserTest, ContinueIsWantedOnceAndOnlyForABody) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n";
  Http1Parser with_body = Parse(head + "Content-Length: 2\r\n\r\n");
  EXPECT_FALSE(with_body.done());
  EXPECT_TRUE(with_body.TakeExpectContinue());
  EXPECT_FALSE(with_body.TakeExpectContinue());
  Http1Parser without = Parse(head + "\r\n");
  EXPECT_TRUE(without.done());
  EXPECT_FALSE(without.TakeExpectContinue());
}

}  // namespace
}  // namespace keelson::server
