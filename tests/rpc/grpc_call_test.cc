// Unary calls over one connection in memory: answers, errors, metadata, deadlines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/rpc/h2_pair.h"

namespace keelson::server {
namespace {

using std::chrono::milliseconds;
using testing::Contains;
using testing::ElementsAre;
using testing::Pair;

TEST(GrpcUnaryTest, TheAnswerHasTheHeadersTheMessageAndTheTrailersOfGrpc) {
  H2Pair pair;
  AddEcho(pair.server.methods);
  const StreamAnswer& answer = pair.Unary("/test.S/Echo", "hello");
  EXPECT_THAT(answer.headers,
              ElementsAre(Pair(":status", "200"), Pair("content-type", "application/grpc")));
  EXPECT_THAT(answer.Messages(), ElementsAre("hello"));
  EXPECT_THAT(answer.trailers, ElementsAre(Pair("grpc-status", "0")));
  EXPECT_TRUE(answer.closed);
  EXPECT_FALSE(answer.reset.has_value());
}

TEST(GrpcUnaryTest, ARequestIsUnderstoodForEveryCutOfTheBytes) {
  for (size_t cut : {1u, 2u, 3u, 9u, 10u, 17u}) {
    H2Pair pair;
    AddEcho(pair.server.methods);
    const int32_t id = pair.client.GrpcRequest("/test.S/Echo");
    pair.client.Message(id, "hello", true);
    pair.server.Deliver(pair.client.TakeOutput(), cut);
    pair.client.Receive(pair.server.TakeOutput());
    EXPECT_THAT(pair.client.answer(id).Messages(), ElementsAre("hello")) << "cut " << cut;
  }
}

TEST(GrpcUnaryTest, AnErrorWithoutMessageIsTrailersOnly) {
  H2Pair pair;
  pair.server.methods.Add("/test.S/Fail", Method::Kind::kUnary,
                          [](std::shared_ptr<Call> call, std::string_view) {
                            call->AddTrailer("t", "1");
                            call->Finish(absl::NotFoundError("etcdserver: 100% lost\n"));
                          });
  const StreamAnswer& answer = pair.Unary("/test.S/Fail", "x");
  EXPECT_THAT(answer.headers,
              ElementsAre(Pair(":status", "200"), Pair("content-type", "application/grpc"),
                          Pair("grpc-status", "5"),
                          Pair("grpc-message", "etcdserver: 100%25 lost%0A"), Pair("t", "1")));
  EXPECT_TRUE(answer.trailers.empty());
  EXPECT_TRUE(answer.closed);
}

TEST(GrpcUnaryTest, MetadataGoesBothWaysAlsoInBinary) {
  H2Pair pair;
  const std::string bytes("\x00\xff\n", 3);
  CallContext seen;
  pair.server.methods.Add("/test.S/Meta", Method::Kind::kUnary,
                          [&](std::shared_ptr<Call> call, std::string_view) {
                            seen = call->context();
                            call->AddMetadata("keelson-age-ms", "12");
                            call->AddMetadata("raw-bin", bytes);
                            call->Send({"m", nullptr});
                            call->AddTrailer("end-bin", bytes);
                            call->AddTrailer("bad", "a\r\nb: c");
                            call->Finish(absl::OkStatus());
                          });
  const StreamAnswer& answer =
      pair.Unary("/test.S/Meta", "x", {{"token", "abc"}, {"x-bin", "AP8K"}, {"token", "def"}});
  EXPECT_EQ(seen.method, "/test.S/Meta");
  EXPECT_EQ(seen.peer, "10.0.0.1:4711");
  EXPECT_EQ(seen.Find("token"), "abc");
  EXPECT_EQ(seen.Find("x-bin"), bytes);
  EXPECT_EQ(seen.Find("te"), std::nullopt);
  EXPECT_FALSE(seen.deadline.has_value());
  EXPECT_EQ(answer.Header("keelson-age-ms"), "12");
  EXPECT_EQ(answer.Header("raw-bin"), "AP8K");
  EXPECT_THAT(answer.trailers, ElementsAre(Pair("grpc-status", "0"), Pair("end-bin", "AP8K")));
}

TEST(GrpcUnaryTest, AnAnswerMayComeLaterAndInAnyOrder) {
  H2Pair pair;
  std::vector<std::shared_ptr<Call>> calls;
  pair.server.methods.Add(
      "/test.S/Wait", Method::Kind::kUnary,
      [&](std::shared_ptr<Call> call, std::string_view) { calls.push_back(std::move(call)); });
  std::vector<int32_t> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(pair.client.GrpcRequest("/test.S/Wait"));
    pair.client.Message(ids.back(), "x", true);
  }
  pair.Exchange();
  ASSERT_EQ(calls.size(), 3u);
  for (int i : {2, 0, 1}) {
    EXPECT_FALSE(pair.client.answer(ids[i]).closed);
    calls[i]->Send({std::to_string(i), nullptr});
    calls[i]->Finish(absl::OkStatus());
    pair.Exchange();
    EXPECT_THAT(pair.client.answer(ids[i]).Messages(), ElementsAre(std::to_string(i)));
  }
  // A call may be used after its end; nothing happens.
  calls[0]->Send({"late", nullptr});
  calls[0]->Finish(absl::OkStatus());
  calls[0]->PauseReading(true);
  EXPECT_EQ(calls[0]->pending_bytes(), 0u);
}

TEST(GrpcUnaryTest, AllAnswersOfOneTurnLeaveWithOneWrite) {
  H2Pair pair;
  AddEcho(pair.server.methods);
  pair.Exchange();
  std::vector<int32_t> ids;
  for (int i = 0; i < 100; ++i) {
    ids.push_back(pair.client.GrpcRequest("/test.S/Echo"));
    pair.client.Message(ids.back(), "hello", true);
  }
  const size_t writes = pair.server.transport->writes;
  pair.server.Deliver(pair.client.TakeOutput());
  EXPECT_EQ(pair.server.transport->writes, writes + 1);
  pair.client.Receive(pair.server.TakeOutput());
  for (int32_t id : ids) EXPECT_EQ(pair.client.answer(id).GrpcStatus(), "0");
}

TEST(GrpcUnaryTest, ASharedTailAndAHeadAreOneMessage) {
  H2Pair pair;
  const auto tail = std::make_shared<const std::string>(std::string(100'000, 't'));
  const std::string big_head(50'000, 'h');
  pair.server.methods.Add("/test.S/Shared", Method::Kind::kUnary,
                          [&](std::shared_ptr<Call> call, std::string_view request) {
                            call->Send({request == "big" ? big_head : "head", tail});
                            call->Finish(absl::OkStatus());
                          });
  EXPECT_THAT(pair.Unary("/test.S/Shared", "small").Messages(), ElementsAre("head" + *tail));
  EXPECT_THAT(pair.Unary("/test.S/Shared", "big").Messages(), ElementsAre(big_head + *tail));
}

TEST(GrpcRefusalTest, PathsMethodsAndContentTypesHaveTheirAnswers) {
  H2Pair pair;
  AddEcho(pair.server.methods);
  EXPECT_EQ(pair.Unary("/test.S/Nope", "x").GrpcStatus(),
            "12 unknown method Nope for service test.S");
  EXPECT_EQ(pair.Unary("/other.S/Echo", "x").GrpcStatus(), "12 unknown service other.S");
  EXPECT_EQ(pair.Unary("/nope", "x").GrpcStatus(), "12 malformed method name: \"/nope\"");

  FieldList fields = GrpcFields("/test.S/Echo");
  fields[0].second = "GET";
  const int32_t get = pair.client.Request(fields, true);
  fields = GrpcFields("/test.S/Echo");
  fields[4].second = "application/json";
  const int32_t json = pair.client.Request(fields, true);
  pair.Exchange();
  EXPECT_EQ(pair.client.answer(get).Header(":status"), "405");
  EXPECT_EQ(pair.client.answer(get).Header("grpc-status"), "13");
  EXPECT_EQ(pair.client.answer(json).Header(":status"), "415");
  EXPECT_EQ(pair.Unary("/test.S/Echo", "still here").GrpcStatus(), "0");
}

TEST(GrpcRefusalTest, CompressionAndMalformedFieldsHaveTheirAnswers) {
  H2Pair pair;
  AddEcho(pair.server.methods);
  const StreamAnswer& gzip = pair.Unary("/test.S/Echo", "x", {{"grpc-encoding", "gzip"}});
  EXPECT_EQ(gzip.GrpcStatus(), "12 grpc: Decompressor is not installed for grpc-encoding \"gzip\"");
  EXPECT_EQ(gzip.Header("grpc-accept-encoding"), "identity");
  EXPECT_EQ(pair.Unary("/test.S/Echo", "x", {{"grpc-encoding", "identity"}}).GrpcStatus(), "0");
  EXPECT_EQ(pair.Unary("/test.S/Echo", "x", {{"grpc-timeout", "5x"}}).Header("grpc-status"), "13");
  EXPECT_EQ(pair.Unary("/test.S/Echo", "x", {{"a-bin", "*"}}).Header("grpc-status"), "13");
}

// Sends `body` as it is and returns the status.
std::string StatusOfBody(H2Pair& pair, std::string_view body) {
  const int32_t id = pair.client.GrpcRequest("/test.S/Echo");
  pair.client.Data(id, body, true);
  pair.Exchange();
  EXPECT_TRUE(pair.client.answer(id).closed);
  return pair.client.answer(id).GrpcStatus();
}

TEST(GrpcRefusalTest, BodiesThatAreNotOneMessageHaveTheirAnswers) {
  H2Pair pair;
  AddEcho(pair.server.methods);
  EXPECT_EQ(StatusOfBody(pair, ""), "13 EOF");
  EXPECT_EQ(StatusOfBody(pair, std::string(3, '\0')), "13 unexpected EOF");
  EXPECT_EQ(StatusOfBody(pair, std::string("\0\0\0\0\5ab", 7)), "13 unexpected EOF");
  EXPECT_EQ(StatusOfBody(pair, Framed("a") + Framed("b")),
            "13 more than one request message for a unary request");
  EXPECT_EQ(StatusOfBody(pair, Framed("a") + "x"),
            "13 more than one request message for a unary request");
  EXPECT_EQ(StatusOfBody(pair, std::string("\1\0\0\0\0", 5)),
            "13 grpc: compressed flag set with identity or empty encoding");
  EXPECT_EQ(StatusOfBody(pair, std::string("\2\0\0\0\0", 5)),
            "13 grpc: received unexpected payload format 2");
  EXPECT_EQ(StatusOfBody(pair, Framed("fine")), "0");
}

TEST(GrpcRefusalTest, AMessageOverTheLimitIsRefusedBeforeItIsSent) {
  H2Pair pair({.max_receive_message_bytes = 1000});
  AddEcho(pair.server.methods);
  EXPECT_EQ(pair.Unary("/test.S/Echo", std::string(1000, 'x')).GrpcStatus(), "0");
  const int32_t id = pair.client.GrpcRequest("/test.S/Echo");
  pair.client.Data(id, std::string("\0\0\0\3\xe9", 5), false);  // and nothing more
  pair.Exchange();
  const StreamAnswer& answer = pair.client.answer(id);
  EXPECT_EQ(answer.GrpcStatus(), "8 grpc: received message larger than max (1001 vs. 1000)");
  EXPECT_EQ(answer.reset, 0u) << "the client is told to stop sending";
  EXPECT_TRUE(answer.closed);
}

TEST(GrpcRefusalTest, AnEndlessBodyForAUnaryCallIsCutOff) {
  H2Pair pair({.max_receive_message_bytes = 1000});
  AddEcho(pair.server.methods);
  const int32_t id = pair.client.GrpcRequest("/test.S/Echo");
  for (int i = 0; i < 100; ++i) pair.client.Message(id, std::string(100, 'x'), false);
  pair.Exchange();
  EXPECT_EQ(pair.client.answer(id).GrpcStatus(),
            "13 more than one request message for a unary request");
  EXPECT_TRUE(pair.client.answer(id).closed);
}

TEST(GrpcRefusalTest, AHeaderListOverTheLimitIs431AndOtherStreamsLive) {
  H2Pair pair({.max_header_list_bytes = 1000});
  AddEcho(pair.server.methods);
  const StreamAnswer& answer = pair.Unary("/test.S/Echo", "x", {{"a", std::string(1000, 'x')}});
  EXPECT_EQ(answer.Header(":status"), "431");
  EXPECT_EQ(answer.Header("grpc-status"), "8");
  EXPECT_EQ(pair.Unary("/test.S/Echo", "x").GrpcStatus(), "0");
}

TEST(GrpcDeadlineTest, TheCallerGetsDeadlineExceededAndTheHandlerHearsOfIt) {
  H2Pair pair;
  std::shared_ptr<Call> call;
  int ends = 0;
  pair.server.methods.Add(
      "/test.S/Wait", Method::Kind::kUnary, [&](std::shared_ptr<Call> started, std::string_view) {
        call = std::move(started);
        call->SetEvents(
            {.on_message = {}, .on_half_close = {}, .on_end = [&] { ++ends; }, .on_writable = {}});
      });
  const StreamAnswer& answer = pair.Unary("/test.S/Wait", "x", {{"grpc-timeout", "100m"}});
  ASSERT_TRUE(call);
  EXPECT_EQ(call->context().deadline, pair.server.now + milliseconds(100));
  pair.server.Advance(milliseconds(99));
  pair.Exchange();
  EXPECT_FALSE(answer.closed);
  pair.server.Advance(milliseconds(1));
  pair.Exchange();
  EXPECT_EQ(answer.GrpcStatus(), "4 context deadline exceeded");
  EXPECT_TRUE(answer.closed);
  EXPECT_EQ(ends, 1);
  // A handler need not know that it is late.
  call->AddMetadata("late", "1");
  call->Send({"late", nullptr});
  call->AddTrailer("late", "1");
  call->Finish(absl::OkStatus());
  pair.Exchange();
  EXPECT_EQ(ends, 1);
}

TEST(GrpcDeadlineTest, ADeadlinePassesAlsoWhileTheRequestIsStillComing) {
  H2Pair pair;
  AddEcho(pair.server.methods);
  const int32_t id = pair.client.GrpcRequest("/test.S/Echo", {{"grpc-timeout", "1S"}});
  pair.client.Data(id, std::string("\0\0", 2), false);
  pair.Exchange();
  pair.server.Advance(milliseconds(1000));
  pair.Exchange();
  EXPECT_EQ(pair.client.answer(id).GrpcStatus(), "4 context deadline exceeded");
}

TEST(GrpcDeadlineTest, AnAnsweredCallHasNoDeadlineLeft) {
  H2Pair pair;
  AddEcho(pair.server.methods);
  const size_t before = (pair.Exchange(), pair.server.context.deadlines.size());
  EXPECT_EQ(pair.Unary("/test.S/Echo", "x", {{"grpc-timeout", "1S"}}).GrpcStatus(), "0");
  EXPECT_EQ(pair.server.context.deadlines.size(), before);
}

TEST(GrpcCancelTest, AResetEndsTheCallOnceAndTheConnectionLives) {
  H2Pair pair;
  AddEcho(pair.server.methods);
  std::shared_ptr<Call> call;
  int ends = 0;
  pair.server.methods.Add(
      "/test.S/Wait", Method::Kind::kUnary, [&](std::shared_ptr<Call> started, std::string_view) {
        call = std::move(started);
        call->SetEvents(
            {.on_message = {}, .on_half_close = {}, .on_end = [&] { ++ends; }, .on_writable = {}});
      });
  const int32_t id = pair.client.GrpcRequest("/test.S/Wait");
  pair.client.Message(id, "x", true);
  pair.Exchange();
  EXPECT_EQ(pair.server.context.stats.calls_open, 1u);
  pair.client.Reset(id, 8);
  pair.Exchange();
  EXPECT_EQ(ends, 1);
  EXPECT_EQ(pair.server.context.stats.calls_open, 0u);
  call->Finish(absl::OkStatus());
  EXPECT_EQ(pair.Unary("/test.S/Echo", "x").GrpcStatus(), "0");
}

TEST(GrpcCancelTest, ACallThatIsResetInTheSameReadNeverReachesItsHandler) {
  H2Pair pair;
  int starts = 0;
  pair.server.methods.Add("/test.S/Count", Method::Kind::kUnary,
                          [&](std::shared_ptr<Call>, std::string_view) { ++starts; });
  const int32_t id = pair.client.GrpcRequest("/test.S/Count");
  pair.client.Message(id, "x", true);
  std::string bytes = pair.client.TakeOutput();
  pair.client.Reset(id, 8);
  bytes += pair.client.TakeOutput();
  pair.server.Deliver(bytes);
  EXPECT_EQ(starts, 0);
}

TEST(GrpcCancelTest, ALostConnectionEndsAllItsCalls) {
  H2Pair pair;
  std::vector<std::shared_ptr<Call>> calls;
  int ends = 0;
  pair.server.methods.Add(
      "/test.S/Wait", Method::Kind::kUnary, [&](std::shared_ptr<Call> call, std::string_view) {
        call->SetEvents(
            {.on_message = {}, .on_half_close = {}, .on_end = [&] { ++ends; }, .on_writable = {}});
        calls.push_back(std::move(call));
      });
  for (int i = 0; i < 5; ++i)
    pair.client.Message(pair.client.GrpcRequest("/test.S/Wait"), "", true);
  pair.Exchange();
  ASSERT_EQ(calls.size(), 5u);
  pair.server.transport->Break();
  EXPECT_EQ(ends, 5);
  EXPECT_TRUE(pair.server.connection->closed());
  for (auto& call : calls) {
    call->Send({"late", nullptr});
    call->Finish(absl::OkStatus());
  }
}

TEST(GrpcCancelTest, EventsSetAfterTheEndStillHearOfIt) {
  H2Pair pair;
  std::shared_ptr<Call> call;
  pair.server.methods.Add(
      "/test.S/Wait", Method::Kind::kUnary,
      [&](std::shared_ptr<Call> started, std::string_view) { call = std::move(started); });
  pair.client.Message(pair.client.GrpcRequest("/test.S/Wait"), "", true);
  pair.Exchange();
  pair.server.transport->Break();
  int ends = 0;
  call->SetEvents(
      {.on_message = {}, .on_half_close = {}, .on_end = [&] { ++ends; }, .on_writable = {}});
  EXPECT_EQ(ends, 1);
}

}  // namespace
}  // namespace keelson::server
