// What a rude or broken HTTP/2 client can do to itself, and not to others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/rpc/h2_pair.h"

namespace keelson::server {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint8_t kData = 0, kHeaders = 1, kRstStream = 3, kSettings = 4, kPing = 6, kGoaway = 7,
                  kWindowUpdate = 8, kContinuation = 9;
constexpr uint8_t kEndStream = 1, kEndHeaders = 4;
constexpr uint32_t kProtocolError = 1, kEnhanceYourCalm = 11;

// The last GOAWAY's error code in raw server output, or nullopt.
std::optional<uint32_t> GoawayIn(std::string_view bytes) {
  std::optional<uint32_t> code;
  while (bytes.size() >= 9) {
    const auto byte = [&](size_t i) {
      return static_cast<uint32_t>(static_cast<uint8_t>(bytes[i]));
    };
    const size_t length = byte(0) << 16 | byte(1) << 8 | byte(2);
    if (byte(3) == kGoaway) code = byte(13) << 24 | byte(14) << 16 | byte(15) << 8 | byte(16);
    bytes.remove_prefix(std::min(bytes.size(), 9 + length));
  }
  return code;
}

// Sends the preface and `bytes`, and expects the connection to end with a GOAWAY of this code.
void ExpectGoaway(const std::string& bytes, uint32_t code) {
  Harness server;
  AddEcho(server.methods);
  server.Deliver(RawPreface() + bytes);
  EXPECT_EQ(GoawayIn(server.TakeOutput()), code);
  EXPECT_TRUE(server.hung_up());
}

TEST(MalformedHttp2Test, BrokenFramesEndOnlyTheirOwnConnection) {
  const std::string block = RawHeaderBlock(GrpcFields("/test.S/Echo"));
  ExpectGoaway(RawFrame(kData, 0, 0, "x"), kProtocolError);
  ExpectGoaway(RawFrame(kData, 0, 1, "x"), kProtocolError);
  ExpectGoaway(RawFrame(kHeaders, kEndHeaders, 2, block), kProtocolError);
  ExpectGoaway(RawFrame(kHeaders, 0, 1, block) + RawFrame(kPing, 0, 0, "12345678"), kProtocolError);
  ExpectGoaway(RawFrame(kContinuation, kEndHeaders, 1, block), kProtocolError);
  ExpectGoaway(RawFrame(kHeaders, kEndHeaders, 1, "\xff\xff\xff\xff\xff"), 9);  // COMPRESSION_ERROR
  ExpectGoaway(RawFrame(kPing, 0, 0, "1234"), 6);                               // FRAME_SIZE_ERROR
  ExpectGoaway(RawFrame(kSettings, 0, 1, ""), kProtocolError);
  ExpectGoaway(RawFrame(kWindowUpdate, 0, 0, std::string(4, '\0')), kProtocolError);
  ExpectGoaway(RawFrame(kWindowUpdate, 0, 0, "\x7f\xff\xff\xff"), 3);  // FLOW_CONTROL_ERROR
  ExpectGoaway(RawFrame(kRstStream, 0, 1, std::string(4, '\0')), kProtocolError);
}

TEST(MalformedHttp2Test, AMissingSettingsFrameEndsTheConnection) {
  Harness server;
  server.Deliver("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + RawFrame(kPing, 0, 0, "12345678"));
  EXPECT_TRUE(server.hung_up());
}

TEST(MalformedHttp2Test, AFrameOverTheSizeLimitIsRefusedByItsHeader) {
  Harness server;
  server.Deliver(RawPreface());
  server.Deliver(std::string("\xff\xff\xff\0\0\0\0\0\1", 9));
  EXPECT_EQ(GoawayIn(server.TakeOutput()), 6u);
}

TEST(MalformedHttp2Test, AMalformedRequestResetsItsStreamAndAnotherSurvives) {
  H2Pair pair;
  AddEcho(pair.server.methods);
  const int32_t good = pair.client.GrpcRequest("/test.S/Echo");
  pair.Exchange();
  // Behind the client's back: no :path, an upper-case name, a connection-specific field.
  for (const auto& [stream, fields] : std::map<uint32_t, FieldList>{
           {1001, {{":method", "POST"}, {":scheme", "http"}}},
           {1003, {{":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {"Up", "x"}}},
           {1005, {{":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {"connection", "x"}}},
       }) {
    pair.server.Deliver(
        RawFrame(kHeaders, kEndHeaders | kEndStream, stream, RawHeaderBlock(fields)));
    const std::string output = pair.server.TakeOutput();
    const std::string reset = RawFrame(kRstStream, 0, stream, std::string("\0\0\0\1", 4));
    EXPECT_NE(output.find(reset), std::string::npos) << stream;
  }
  pair.client.Message(good, "alive", true);
  pair.Exchange();
  EXPECT_THAT(pair.client.answer(good).Messages(), testing::ElementsAre("alive"));
}

// etcd's clients in Go, given an endpoint as a URL, send it so.
TEST(MalformedHttp2Test, AUrlAsAuthorityIsNoReasonToRefuse) {
  H2Pair pair;
  AddEcho(pair.server.methods);
  pair.Exchange();
  FieldList fields = GrpcFields("/test.S/Echo");
  std::erase_if(fields, [](const auto& field) { return field.first == ":authority"; });
  fields.insert(fields.begin(), {":authority", "http://127.0.0.1:2379"});
  pair.server.Deliver(RawFrame(kHeaders, kEndHeaders, 1, RawHeaderBlock(fields)) +
                      RawFrame(kData, kEndStream, 1, Framed("hello")));
  const std::string output = pair.server.TakeOutput();
  EXPECT_NE(output.find(Framed("hello")), std::string::npos);
}

TEST(MalformedHttp2Test, TrailersMustBeFieldsAndTheEnd) {
  for (const auto& [flags, fields] :
       std::vector<std::pair<uint8_t, FieldList>>{{kEndHeaders, {{"x", "y"}}},
                                                  {kEndHeaders | kEndStream, {{":path", "/"}}},
                                                  {kEndHeaders | kEndStream, {{"Upper", "y"}}}}) {
    Harness server;
    AddEcho(server.methods);
    server.Deliver(RawPreface() + RawFrame(kSettings, 1, 0, "") +
                   RawFrame(kHeaders, kEndHeaders, 1, RawHeaderBlock(GrpcFields("/test.S/Echo"))));
    server.TakeOutput();
    server.Deliver(RawFrame(kHeaders, flags, 1, RawHeaderBlock(fields)));
    EXPECT_NE(server.TakeOutput().find(RawFrame(kRstStream, 0, 1, std::string("\0\0\0\1", 4))),
              std::string::npos)
        << fields[0].first;
    EXPECT_FALSE(server.hung_up());
  }
}

TEST(MalformedHttp2Test, DataBeyondTheContentLengthResetsTheStream) {
  H2Pair pair;
  AddEcho(pair.server.methods);
  for (const char* length : {"3", "11", "x", ""}) {
    const StreamAnswer& answer = pair.Unary("/test.S/Echo", "hello", {{"content-length", length}});
    EXPECT_EQ(answer.reset, kProtocolError) << length;
  }
  // With gRPC's prefix.
  EXPECT_EQ(pair.Unary("/test.S/Echo", "hello", {{"content-length", "10"}}).GrpcStatus(), "0");
  EXPECT_EQ(pair.Unary("/test.S/Echo", "x").GrpcStatus(), "0");
}

TEST(MalformedHttp2Test, DataBeyondTheWindowsIsAFlowControlError) {
  Harness server({.stream_window_bytes = 1000});
  std::shared_ptr<Call> call;
  server.methods.Add("/test.S/Up", Method::Kind::kBidi,
                     [&](std::shared_ptr<Call> c, std::string_view) { call = std::move(c); });
  server.Deliver(RawPreface() + RawFrame(kSettings, 1, 0, "") +
                 RawFrame(kHeaders, kEndHeaders, 1, RawHeaderBlock(GrpcFields("/test.S/Up"))));
  ASSERT_TRUE(call);
  server.TakeOutput();
  for (int i = 0; i < 3; ++i) server.Deliver(RawFrame(kData, 0, 1, std::string(500, 'x')));
  const std::string output = server.TakeOutput();
  EXPECT_NE(output.find(RawFrame(kRstStream, 0, 1, std::string("\0\0\0\3", 4))), std::string::npos);
  EXPECT_FALSE(server.connection->closed());
}

TEST(FloodTest, ManyContinuationsEndTheConnection) {
  Harness server;
  std::string bytes =
      RawPreface() + RawFrame(kHeaders, 0, 1, RawHeaderBlock({{":method", "POST"}}));
  for (int i = 0; i < 20; ++i) {
    bytes += RawFrame(kContinuation, 0, 1, RawHeaderBlock({{"a", std::string(200, 'x')}}));
  }
  server.Deliver(bytes);
  EXPECT_TRUE(server.hung_up());
}

TEST(FloodTest, RapidResetsEndTheConnectionAfterTheBurst) {
  Harness server({.stream_reset_burst = 100, .stream_reset_per_second = 1});
  AddEcho(server.methods);
  const std::string block = RawHeaderBlock(GrpcFields("/test.S/Echo"));
  server.Deliver(RawPreface());
  int resets = 0;
  for (; resets < 1000 && !server.hung_up(); ++resets) {
    const auto stream = static_cast<uint32_t>(2 * resets + 1);
    server.Deliver(RawFrame(kHeaders, kEndHeaders, stream, block) +
                   RawFrame(kRstStream, 0, stream, std::string("\0\0\0\x8", 4)));
  }
  EXPECT_GE(resets, 100);
  EXPECT_LT(resets, 110);
}

TEST(FloodTest, ResetsThatTheClientForcesOnUsCountToo) {
  Harness server({.stream_reset_burst = 100, .stream_reset_per_second = 1});
  AddEcho(server.methods);
  const std::string block = RawHeaderBlock(GrpcFields("/test.S/Echo"));
  server.Deliver(RawPreface());
  int resets = 0;
  std::string output;
  for (; resets < 1000 && !server.hung_up(); ++resets) {
    const auto stream = static_cast<uint32_t>(2 * resets + 1);
    // A window that overflows makes us reset the stream.
    server.Deliver(RawFrame(kHeaders, kEndHeaders, stream, block) +
                   RawFrame(kWindowUpdate, 0, stream, "\x7f\xff\xff\xff"));
    output += server.TakeOutput();
  }
  EXPECT_GE(resets, 100);
  EXPECT_LT(resets, 110);
  EXPECT_EQ(GoawayIn(output), kEnhanceYourCalm);
  EXPECT_EQ(server.context.stats.connections_struck, 1u);
}

TEST(FloodTest, UnreadPingAnswersEndTheConnection) {
  Harness server;
  server.Deliver(RawPreface());
  server.transport->capacity = 0;
  std::string pings;
  for (int i = 0; i < 2000; ++i) pings += RawFrame(kPing, 0, 0, "12345678");
  server.Deliver(pings);
  server.transport->Unblock(SIZE_MAX);
  server.Settle();
  EXPECT_TRUE(server.hung_up());
}

TEST(LimitTest, StreamsBeyondTheLimitAreRefusedAndTheOthersServed) {
  H2Pair pair({.max_concurrent_streams = 2});
  std::vector<std::shared_ptr<Call>> calls;
  pair.server.methods.Add(
      "/test.S/Wait", Method::Kind::kUnary,
      [&](std::shared_ptr<Call> call, std::string_view) { calls.push_back(std::move(call)); });
  std::vector<int32_t> ids;
  for (int i = 0; i < 3; ++i) {
    // Before the client knows our SETTINGS it may open as many as it likes.
    ids.push_back(pair.client.GrpcRequest("/test.S/Wait"));
    pair.client.Message(ids.back(), "", true);
  }
  pair.Exchange();
  EXPECT_EQ(calls.size(), 2u);
  EXPECT_EQ(pair.client.answer(ids[2]).reset, 7u);  // REFUSED_STREAM
  for (auto& call : calls) {
    call->Send({"", nullptr});
    call->Finish(absl::OkStatus());
  }
  pair.Exchange();
  EXPECT_EQ(pair.client.answer(ids[0]).GrpcStatus(), "0");
}

TEST(KeepaliveTest, ThreePingsTooEarlyAreTooMany) {
  H2Pair pair;
  std::shared_ptr<Call> call;
  pair.server.methods.Add("/test.S/Wait", Method::Kind::kUnary,
                          [&](std::shared_ptr<Call> c, std::string_view) { call = std::move(c); });
  pair.client.Message(pair.client.GrpcRequest("/test.S/Wait"), "", true);
  pair.Exchange();
  for (int i = 0; i < 3; ++i) {
    pair.client.Ping();
    pair.Exchange();
    EXPECT_FALSE(pair.client.goaway().has_value()) << i;
    pair.server.Advance(seconds(1));
  }
  pair.client.Ping();
  pair.Exchange();
  EXPECT_EQ(pair.client.goaway(), kEnhanceYourCalm);
  EXPECT_EQ(pair.client.goaway_text(), "too_many_pings");
  EXPECT_TRUE(pair.server.hung_up());
}

TEST(KeepaliveTest, PingsEveryFiveSecondsAreFineForADay) {
  H2Pair pair;
  std::shared_ptr<Call> call;
  pair.server.methods.Add("/test.S/Wait", Method::Kind::kUnary,
                          [&](std::shared_ptr<Call> c, std::string_view) { call = std::move(c); });
  pair.client.Message(pair.client.GrpcRequest("/test.S/Wait"), "", true);
  for (int i = 0; i < 1000; ++i) {
    pair.client.Ping();
    pair.Exchange();
    pair.server.Advance(seconds(5));
  }
  EXPECT_EQ(pair.client.ping_acks(), 1000);
  EXPECT_FALSE(pair.client.goaway().has_value());
}

TEST(KeepaliveTest, AnIdleClientIsPingedAndOneThatIsGoneIsClosed) {
  H2Pair pair;
  pair.Exchange();
  pair.server.Advance(hours(2));
  pair.Exchange();
  EXPECT_EQ(pair.client.pings(), 1);
  pair.server.Advance(seconds(20));
  EXPECT_FALSE(pair.server.hung_up());
  pair.server.Advance(hours(2));
  pair.server.TakeOutput();  // the client is gone: nobody answers
  EXPECT_FALSE(pair.server.hung_up());
  pair.server.Advance(seconds(20));
  EXPECT_TRUE(pair.server.hung_up());
}

TEST(TimeoutTest, AConnectionThatDoesNotSpeakIsClosed) {
  for (const std::string& first : {std::string(), std::string("PRI * HT")}) {
    Harness server({.preface_timeout = seconds(10)});
    server.Deliver(first);
    server.Advance(milliseconds(9999));
    EXPECT_FALSE(server.hung_up());
    server.Advance(milliseconds(1));
    EXPECT_TRUE(server.hung_up());
  }
  Harness silent({.preface_timeout = seconds(10)});
  silent.Deliver("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  silent.Advance(seconds(10));
  EXPECT_TRUE(silent.hung_up());
}

TEST(TimeoutTest, AHeaderListThatDoesNotEndEndsTheConnection) {
  const std::string block = RawHeaderBlock(GrpcFields("/test.S/Echo"));
  const std::string whole = RawFrame(kHeaders, kEndHeaders, 1, block);
  for (const std::string& begun :
       {whole.substr(0, whole.size() - 1), RawFrame(kHeaders, 0, 1, block)}) {
    Harness server({.http2_header_timeout = seconds(10)});
    AddEcho(server.methods);
    server.Deliver(RawPreface() + begun);
    server.Advance(milliseconds(9999));
    EXPECT_FALSE(server.hung_up());
    server.Advance(milliseconds(1));
    EXPECT_EQ(GoawayIn(server.TakeOutput()), kEnhanceYourCalm);
    EXPECT_TRUE(server.hung_up());
  }
}

TEST(TimeoutTest, AHeaderListInPiecesIsFineIfItEndsInTime) {
  const std::string request =
      RawFrame(kHeaders, kEndHeaders, 1, RawHeaderBlock(GrpcFields("/test.S/Echo"))) +
      RawFrame(kData, kEndStream, 1, Framed("hello"));
  Harness server({.http2_header_timeout = seconds(10)});
  AddEcho(server.methods);
  server.Deliver(RawPreface());
  for (const char byte : request) {
    server.Deliver(std::string(1, byte));
    server.Advance(milliseconds(10));
  }
  EXPECT_NE(server.TakeOutput().find(Framed("hello")), std::string::npos);
  server.Advance(seconds(60));
  EXPECT_FALSE(server.hung_up());
}

TEST(DrainTest, OpenCallsEndNormallyNewOnesAreRefusedAndThenTheConnectionEnds) {
  H2Pair pair;
  std::shared_ptr<Call> call;
  pair.server.methods.Add("/test.S/Wait", Method::Kind::kUnary,
                          [&](std::shared_ptr<Call> c, std::string_view) { call = std::move(c); });
  const int32_t id = pair.client.GrpcRequest("/test.S/Wait");
  pair.client.Message(id, "", true);
  pair.Exchange();
  pair.server.connection->Drain();
  pair.Exchange();
  EXPECT_EQ(pair.client.goaway(), 0u);
  EXPECT_FALSE(pair.server.hung_up());
  call->Send({"done", nullptr});
  call->Finish(absl::OkStatus());
  pair.Exchange();
  EXPECT_EQ(pair.client.answer(id).GrpcStatus(), "0");
  EXPECT_TRUE(pair.server.hung_up());
}

TEST(DrainTest, AClientThatAnswersNothingIsNotWaitedForInVain) {
  H2Pair pair;
  pair.Exchange();
  pair.server.connection->Drain();
  pair.server.Settle();
  EXPECT_FALSE(pair.server.hung_up());
  pair.server.Advance(seconds(1));
  EXPECT_TRUE(pair.server.hung_up());
}

TEST(PlainHttp2Test, RequestsWithoutGrpcGoToTheEndpoints) {
  H2Pair pair;
  const FieldList get = {{":method", "GET"},
                         {":scheme", "http"},
                         {":path", "/health?serializable=true"},
                         {":authority", "h:1"}};
  const int32_t health = pair.client.Request(get, true);
  FieldList post = get;
  post[0].second = "POST";
  const int32_t echo = pair.client.Request(post, false);
  pair.client.Data(echo, "body", true);
  FieldList head = get;
  head[0].second = "HEAD";
  const int32_t bodiless = pair.client.Request(head, true);
  pair.Exchange();
  EXPECT_EQ(pair.client.answer(health).Header(":status"), "200");
  EXPECT_EQ(pair.client.answer(health).data, "GET /health?serializable=true ");
  EXPECT_EQ(pair.client.answer(echo).data, "POST /health?serializable=true body");
  EXPECT_EQ(pair.client.answer(bodiless).data, "");
  EXPECT_TRUE(pair.client.answer(bodiless).closed);
  EXPECT_EQ(pair.server.context.stats.http_requests, 3u);
}

TEST(PlainHttp2Test, AnswersHaveADateAndThoseOfGrpcHaveNone) {
  FrontEndOptions options;
  options.wall_clock = [] { return std::chrono::system_clock::time_point(seconds(784'111'777)); };
  H2Pair pair(options);
  const int32_t page = pair.client.Request(
      {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "h"}}, true);
  const int32_t call = pair.client.GrpcRequest("/test.S/None");
  pair.client.Message(call, "hello", true);
  pair.Exchange();
  EXPECT_EQ(pair.client.answer(page).Header("date"), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_TRUE(pair.client.answer(call).ended);
  EXPECT_EQ(pair.client.answer(call).Header("date"), "");
}

TEST(PlainHttp2Test, ABodyOverTheLimitIs413) {
  H2Pair pair({.max_http_body_bytes = 1000});
  const int32_t id = pair.client.Request(
      {{":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {":authority", "h"}}, false);
  pair.client.Data(id, std::string(1001, 'x'), false);
  pair.Exchange();
  EXPECT_EQ(pair.client.answer(id).Header(":status"), "413");
  EXPECT_TRUE(pair.client.answer(id).closed);
}

TEST(PlainHttp2Test, AnAnswerInPartsComesAsItIsWritten) {
  H2Pair pair;
  std::shared_ptr<HttpReply> reply;
  int ends = 0;
  pair.server.endpoints.on_request = [&](const HttpRequest& request, std::shared_ptr<HttpReply> r) {
    EXPECT_EQ(request.peer, "10.0.0.1:4711");
    reply = std::move(r);
    reply->SetEvents({.on_end = [&] { ++ends; }, .on_writable = nullptr});
  };
  const FieldList head = {
      {":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "h"}};
  const int32_t id = pair.client.Request(head, true);
  pair.Exchange();
  reply->Begin({.body = "ignored", .headers = {{"Mixed-Case", "1"}}});
  reply->Write("one\n");
  pair.Exchange();
  EXPECT_EQ(pair.client.answer(id).data, "one\n");
  EXPECT_EQ(pair.client.answer(id).Header("mixed-case"), "1");
  EXPECT_EQ(pair.client.answer(id).Header("content-length"), "");
  EXPECT_FALSE(pair.client.answer(id).ended);
  reply->Write("two\n");
  reply->End();
  pair.Exchange();
  EXPECT_EQ(pair.client.answer(id).data, "one\ntwo\n");
  EXPECT_TRUE(pair.client.answer(id).closed);
  EXPECT_EQ(ends, 0);

  const int32_t gone = pair.client.Request(head, true);
  pair.Exchange();
  pair.client.Reset(gone, 8);
  pair.Exchange();
  EXPECT_EQ(ends, 1);
  reply->Begin({.body = "", .headers = {}});
  reply->Write("late");
  reply->End();
}

TEST(PlainHttp2Test, AStreamHearsWhenItsClientReadsOn) {
  H2Pair pair({}, /*auto_window=*/false);
  std::shared_ptr<HttpReply> reply;
  int writable = 0;
  pair.server.endpoints.on_request = [&](const HttpRequest&, std::shared_ptr<HttpReply> r) {
    reply = std::move(r);
    reply->SetEvents({.on_end = nullptr, .on_writable = [&] { ++writable; }});
    reply->Begin({.body = "", .headers = {}});
    reply->Write(std::string(Call::kHighWater + 100'000, 'x'));
  };
  const int32_t id = pair.client.Request(
      {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "h"}}, true);
  pair.Exchange();
  EXPECT_GT(reply->pending_bytes(), Call::kHighWater);
  EXPECT_EQ(writable, 0);
  for (int grants = 0; writable == 0; ++grants) {
    ASSERT_LT(grants, 100);
    pair.client.Grant(id, 60'000);
    pair.Exchange();
  }
  EXPECT_EQ(writable, 1);
  EXPECT_LT(reply->pending_bytes(), Call::kLowWater);
}

TEST(PlainHttp2Test, ALateAnswerToAStreamThatIsGoneDoesNothing) {
  H2Pair pair;
  TestEndpoints::Respond respond;
  pair.server.endpoints.handler = [&](const HttpRequest&, TestEndpoints::Respond r) {
    respond = r;
  };
  const int32_t id = pair.client.Request(
      {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "h"}}, true);
  pair.Exchange();
  pair.client.Reset(id, 8);
  pair.Exchange();
  respond({.body = "late", .headers = {}});
  respond({.body = "twice", .headers = {}});
  pair.Exchange();
  EXPECT_EQ(pair.client.answer(id).data, "");
}

}  // namespace
}  // namespace keelson::server
