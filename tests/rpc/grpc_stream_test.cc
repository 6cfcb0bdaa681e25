// Streaming calls over one connection in memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/rpc/h2_pair.h"

namespace keelson::server {
namespace {

using testing::ElementsAre;

// Keeps the call and notes what it hears.
struct Recorder {
  std::shared_ptr<Call> call;
  std::vector<std::string> log;

  TestMethods::Start Handler() {
    return [this](std::shared_ptr<Call> started, std::string_view request) {
      call = std::move(started);
      log.push_back("start " + std::string(request));
      Listen();
    };
  }
  void Listen() {
    call->SetEvents({.on_message = [this](std::string_view m) { log.emplace_back(m); },
                     .on_half_close = [this] { log.push_back("half close"); },
                     .on_end = [this] { log.push_back("end"); },
                     .on_writable = [this] { log.push_back("writable"); }});
  }
};

TEST(GrpcBidiTest, TheCallStartsWithTheHeadersAndMessagesFollowInOrder) {
  Recorder recorder;
  H2Pair pair;
  pair.server.methods.Add("/test.S/Bidi", Method::Kind::kBidi, recorder.Handler());
  const int32_t id = pair.client.GrpcRequest("/test.S/Bidi");
  pair.Exchange();
  EXPECT_THAT(recorder.log, ElementsAre("start "));
  pair.client.Message(id, "a", false);
  pair.client.Message(id, "b", false);
  pair.Exchange();
  recorder.call->Send({"A", nullptr});
  pair.Exchange();
  EXPECT_THAT(pair.client.answer(id).Messages(), ElementsAre("A"));
  EXPECT_FALSE(pair.client.answer(id).ended);
  pair.client.Message(id, "c", true);
  pair.Exchange();
  EXPECT_THAT(recorder.log, ElementsAre("start ", "a", "b", "c", "half close"));
  recorder.call->Send({"B", nullptr});
  recorder.call->Finish(absl::OkStatus());
  pair.Exchange();
  EXPECT_THAT(pair.client.answer(id).Messages(), ElementsAre("A", "B"));
  EXPECT_EQ(pair.client.answer(id).GrpcStatus(), "0");
  EXPECT_TRUE(pair.client.answer(id).closed);
  EXPECT_EQ(recorder.log.back(), "half close") << "our own Finish is no end event";
}

TEST(GrpcBidiTest, EventsSetLaterReplayWhatCameBefore) {
  Recorder recorder;
  H2Pair pair;
  pair.server.methods.Add(
      "/test.S/Bidi", Method::Kind::kBidi,
      [&](std::shared_ptr<Call> call, std::string_view) { recorder.call = std::move(call); });
  const int32_t id = pair.client.GrpcRequest("/test.S/Bidi");
  pair.client.Message(id, "a", false);
  pair.client.Message(id, "b", true);
  pair.Exchange();
  recorder.Listen();
  pair.server.Settle();
  EXPECT_THAT(recorder.log, ElementsAre("a", "b", "half close"));
}

TEST(GrpcBidiTest, APausedCallHearsNothingUntilItIsResumed) {
  Recorder recorder;
  H2Pair pair;
  pair.server.methods.Add("/test.S/Bidi", Method::Kind::kBidi, recorder.Handler());
  const int32_t id = pair.client.GrpcRequest("/test.S/Bidi");
  pair.Exchange();
  recorder.call->PauseReading(true);
  pair.client.Message(id, "a", true);
  pair.Exchange();
  EXPECT_THAT(recorder.log, ElementsAre("start "));
  recorder.call->PauseReading(false);
  EXPECT_THAT(recorder.log, ElementsAre("start ")) << "not from inside the handler's own call";
  pair.Exchange();
  EXPECT_THAT(recorder.log, ElementsAre("start ", "a", "half close"));
}

TEST(GrpcBidiTest, AHandlerMayPauseOrFinishFromInsideAMessage) {
  std::vector<std::string> seen;
  H2Pair pair;
  pair.server.methods.Add("/test.S/Bidi", Method::Kind::kBidi,
                          [&](std::shared_ptr<Call> call, std::string_view) {
                            Call* raw = call.get();
                            raw->SetEvents({.on_message =
                                                [&seen, call](std::string_view message) {
                                                  seen.emplace_back(message);
                                                  if (message == "pause") call->PauseReading(true);
                                                  if (message == "stop")
                                                    call->Finish(absl::AbortedError("stopped"));
                                                },
                                            .on_half_close = {},
                                            .on_end = [&] { seen.push_back("end"); },
                                            .on_writable = {}});
                          });
  const int32_t paused = pair.client.GrpcRequest("/test.S/Bidi");
  for (const char* m : {"1", "pause", "2"}) pair.client.Message(paused, m, false);
  pair.Exchange();
  EXPECT_THAT(seen, ElementsAre("1", "pause"));
  seen.clear();
  const int32_t stopped = pair.client.GrpcRequest("/test.S/Bidi");
  for (const char* m : {"1", "stop", "2"}) pair.client.Message(stopped, m, false);
  pair.Exchange();
  EXPECT_THAT(seen, ElementsAre("1", "stop"));
  EXPECT_EQ(pair.client.answer(stopped).GrpcStatus(), "10 stopped");
  EXPECT_EQ(pair.client.answer(stopped).reset, 0u);
}

TEST(GrpcBidiTest, ABrokenMessageEndsTheCallWithInternal) {
  Recorder recorder;
  H2Pair pair;
  pair.server.methods.Add("/test.S/Bidi", Method::Kind::kBidi, recorder.Handler());
  const int32_t flag = pair.client.GrpcRequest("/test.S/Bidi");
  pair.client.Message(flag, "a", false);
  pair.client.Data(flag, std::string("\1\0\0\0\0", 5), false);
  pair.Exchange();
  EXPECT_EQ(pair.client.answer(flag).GrpcStatus(),
            "13 grpc: compressed flag set with identity or empty encoding");
  EXPECT_THAT(recorder.log, ElementsAre("start ", "a", "end"));
  recorder.log.clear();
  const int32_t cut = pair.client.GrpcRequest("/test.S/Bidi");
  pair.client.Data(cut, std::string("\0\0\0\0\5ab", 7), true);
  pair.Exchange();
  EXPECT_EQ(pair.client.answer(cut).GrpcStatus(), "13 unexpected EOF");
  EXPECT_THAT(recorder.log, ElementsAre("start ", "end"));
}

TEST(GrpcBidiTest, AResetEndsTheCallAndItsEventsAreFreed) {
  Recorder recorder;
  H2Pair pair;
  pair.server.methods.Add("/test.S/Bidi", Method::Kind::kBidi, recorder.Handler());
  const int32_t id = pair.client.GrpcRequest("/test.S/Bidi");
  pair.Exchange();
  const std::weak_ptr<Call> weak = recorder.call;
  // The usual cycle: events that hold their own call.
  pair.client.Reset(id, 8);
  pair.Exchange();
  EXPECT_THAT(recorder.log, ElementsAre("start ", "end"));
  recorder.call.reset();
  EXPECT_TRUE(weak.expired());
}

TEST(GrpcServerStreamTest, TheRequestComesWholeAndManyMessagesLeaveInOrder) {
  Recorder recorder;
  H2Pair pair;
  pair.server.methods.Add("/test.S/Down", Method::Kind::kServerStream, recorder.Handler());
  const int32_t id = pair.client.GrpcRequest("/test.S/Down");
  pair.client.Message(id, "go", true);
  pair.Exchange();
  EXPECT_THAT(recorder.log, ElementsAre("start go"));
  std::vector<std::string> sent;
  for (int i = 0; i < 1000; ++i) {
    sent.push_back(std::string(static_cast<size_t>(i), 'x') + std::to_string(i));
    recorder.call->Send({sent.back(), nullptr});
    if (i % 100 == 0) pair.Exchange();
  }
  recorder.call->Finish(absl::OkStatus());
  pair.Exchange();
  EXPECT_EQ(pair.client.answer(id).Messages(), sent);
  EXPECT_EQ(pair.client.answer(id).GrpcStatus(), "0");
}

TEST(GrpcServerStreamTest, AnEmptyStreamIsJustAStatus) {
  H2Pair pair;
  pair.server.methods.Add(
      "/test.S/Down", Method::Kind::kServerStream,
      [](std::shared_ptr<Call> call, std::string_view) { call->Finish(absl::OkStatus()); });
  EXPECT_EQ(pair.Unary("/test.S/Down", "").GrpcStatus(), "0");
}

TEST(GrpcServerStreamTest, ADeadlineInTheMiddleEndsTheStreamWithAStatus) {
  Recorder recorder;
  H2Pair pair;
  pair.server.methods.Add("/test.S/Down", Method::Kind::kServerStream, recorder.Handler());
  const int32_t id = pair.client.GrpcRequest("/test.S/Down", {{"grpc-timeout", "1S"}});
  pair.client.Message(id, "go", true);
  pair.Exchange();
  recorder.call->Send({"one", nullptr});
  pair.Exchange();
  pair.server.Advance(std::chrono::seconds(1));
  pair.Exchange();
  EXPECT_THAT(pair.client.answer(id).Messages(), ElementsAre("one"));
  EXPECT_EQ(pair.client.answer(id).GrpcStatus(), "4 context deadline exceeded");
  EXPECT_THAT(recorder.log, ElementsAre("start go", "end"));
}

TEST(GrpcClientStreamTest, AllMessagesComeAndOneAnswerLeaves) {
  Recorder recorder;
  H2Pair pair;
  pair.server.methods.Add("/test.S/Up", Method::Kind::kClientStream, recorder.Handler());
  const int32_t id = pair.client.GrpcRequest("/test.S/Up");
  for (int i = 0; i < 3; ++i) pair.client.Message(id, std::to_string(i), i == 2);
  pair.Exchange();
  EXPECT_THAT(recorder.log, ElementsAre("start ", "0", "1", "2", "half close"));
  recorder.call->Send({"sum", nullptr});
  recorder.call->Finish(absl::OkStatus());
  pair.Exchange();
  EXPECT_THAT(pair.client.answer(id).Messages(), ElementsAre("sum"));
}

}  // namespace
}  // namespace keelson::server
