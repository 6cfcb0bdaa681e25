// Flow control: slow readers, paused calls, fairness between streams, limits on what is held.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/rpc/h2_pair.h"

namespace keelson::server {
namespace {

using testing::ElementsAre;

struct Streamer {
  std::shared_ptr<Call> call;
  int writable = 0;
  bool ended = false;
  std::vector<std::string> messages;

  TestMethods::Start Handler() {
    return [this](std::shared_ptr<Call> started, std::string_view) {
      call = std::move(started);
      call->SetEvents({.on_message = [this](std::string_view m) { messages.emplace_back(m); },
                       .on_half_close = {},
                       .on_end = [this] { ended = true; },
                       .on_writable = [this] { ++writable; }});
    };
  }
};

TEST(SlowReaderTest, PendingBytesGrowAndWritableComesOnceBelowTheLowMark) {
  Streamer streamer;
  H2Pair pair({}, /*auto_window=*/false);
  pair.server.methods.Add("/test.S/Down", Method::Kind::kServerStream, streamer.Handler());
  const int32_t id = pair.client.GrpcRequest("/test.S/Down");
  pair.client.Message(id, "", true);
  pair.Exchange();
  constexpr size_t kSize = 100'000;
  int sent = 0;
  for (; streamer.call->pending_bytes() <= Call::kHighWater; ++sent) {
    streamer.call->Send({std::string(kSize, 'x'), nullptr});
    pair.Exchange();
  }
  // The client's window is 64 KiB and never grows: that much left, the rest waits.
  EXPECT_EQ(pair.client.answer(id).data.size(), 65'535u);
  EXPECT_EQ(streamer.writable, 0);
  int grants = 0;
  while (streamer.writable == 0) {
    ASSERT_LT(++grants, 1000);
    pair.client.Grant(id, 60'000);
    pair.Exchange();
  }
  EXPECT_LT(streamer.call->pending_bytes(), Call::kLowWater);
  EXPECT_GT(streamer.call->pending_bytes() + 120'000, Call::kLowWater);
  while (streamer.call->pending_bytes() > 0) {
    pair.client.Grant(id, 60'000);
    pair.Exchange();
  }
  EXPECT_EQ(streamer.writable, 1);
  EXPECT_EQ(pair.client.answer(id).Messages().size(), static_cast<size_t>(sent));
}

// A handler may stop at the mark itself.
TEST(SlowReaderTest, WritableComesAlsoAfterExactlyTheHighMark) {
  Streamer streamer;
  H2Pair pair;
  pair.server.methods.Add("/test.S/Down", Method::Kind::kServerStream, streamer.Handler());
  const int32_t id = pair.client.GrpcRequest("/test.S/Down");
  pair.client.Message(id, "", true);
  pair.Exchange();
  constexpr size_t kPrefix = 5;
  streamer.call->Send({std::string(Call::kHighWater - kPrefix, 'x'), nullptr});
  ASSERT_EQ(streamer.call->pending_bytes(), Call::kHighWater);
  pair.Exchange();
  EXPECT_EQ(streamer.call->pending_bytes(), 0u);
  EXPECT_EQ(streamer.writable, 1);
}

TEST(SlowReaderTest, OneThatNeverReadsDoesNotHoldBackOtherStreams) {
  Streamer streamer;
  H2Pair pair({}, /*auto_window=*/false);
  AddEcho(pair.server.methods);
  pair.server.methods.Add("/test.S/Down", Method::Kind::kServerStream, streamer.Handler());
  pair.client.Grant(0, 0);
  const int32_t id = pair.client.GrpcRequest("/test.S/Down");
  pair.client.Message(id, "", true);
  pair.Exchange();
  // Half the connection's window is used up by a stream that nobody reads.
  pair.client.SetInitialWindow(30'000);
  pair.Exchange();
  streamer.call->Send({std::string(10 << 20, 'x'), nullptr});
  pair.Exchange();
  EXPECT_EQ(pair.client.answer(id).data.size(), 30'000u);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(pair.Unary("/test.S/Echo", "hello").GrpcStatus(), "0");
}

TEST(SlowReaderTest, ItsDeadlineResetsTheStreamAndFreesWhatWaits) {
  Streamer streamer;
  H2Pair pair({}, /*auto_window=*/false);
  pair.server.methods.Add("/test.S/Down", Method::Kind::kServerStream, streamer.Handler());
  const int32_t id = pair.client.GrpcRequest("/test.S/Down", {{"grpc-timeout", "1S"}});
  pair.client.Message(id, "", true);
  pair.Exchange();
  streamer.call->Send({std::string(1 << 20, 'x'), nullptr});
  pair.Exchange();
  pair.server.Advance(std::chrono::seconds(1));
  pair.Exchange();
  EXPECT_TRUE(streamer.ended);
  EXPECT_EQ(pair.client.answer(id).reset, 8u);
  EXPECT_EQ(streamer.call->pending_bytes(), 0u);
}

TEST(SlowReaderTest, ASocketThatTakesNothingStopsTheReadingOfRequests) {
  H2Pair pair;
  AddEcho(pair.server.methods);
  pair.Exchange();
  pair.server.transport->capacity = 0;
  int delivered = 0;
  for (int i = 0; i < 10'000; ++i) {
    pair.client.Message(pair.client.GrpcRequest("/test.S/Echo"), "x", true);
    const std::string bytes = pair.client.TakeOutput();
    if (bytes.empty()) continue;  // the client's own limit of open streams
    if (!pair.server.transport->Deliver(bytes)) break;
    pair.server.Settle();
    ++delivered;
  }
  EXPECT_LT(delivered, 5000);
  pair.server.transport->Unblock(SIZE_MAX);
  pair.server.Settle();
  EXPECT_TRUE(pair.server.transport->armed());
}

TEST(PausedCallTest, ItsClientIsHeldBackAndOtherStreamsAreNot) {
  Streamer streamer;
  H2Pair pair({.stream_window_bytes = 100'000, .connection_window_bytes = 200'000});
  AddEcho(pair.server.methods);
  pair.server.methods.Add("/test.S/Up", Method::Kind::kBidi, streamer.Handler());
  const int32_t id = pair.client.GrpcRequest("/test.S/Up");
  pair.Exchange();
  streamer.call->PauseReading(true);
  // More than both windows; only the stream's own leaves the client.
  for (int i = 0; i < 100; ++i) pair.client.Message(id, std::string(10'000, 'x'), false);
  pair.Exchange();
  EXPECT_TRUE(streamer.messages.empty());
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(pair.Unary("/test.S/Echo", std::string(90'000, 'y')).GrpcStatus(), "0");
  }
  streamer.call->PauseReading(false);
  pair.Exchange();
  EXPECT_EQ(streamer.messages.size(), 100u);
}

TEST(PausedCallTest, ManyPausedCallsDoNotDeadlockTheConnection) {
  std::vector<Streamer> streamers(20);
  H2Pair pair({.stream_window_bytes = 65'535, .connection_window_bytes = 100'000});
  AddEcho(pair.server.methods);
  for (size_t i = 0; i < streamers.size(); ++i) {
    const std::string path = "/test.S/Up" + std::to_string(i);
    pair.server.methods.Add(path, Method::Kind::kBidi, streamers[i].Handler());
    const int32_t id = pair.client.GrpcRequest(path);
    pair.Exchange();
    streamers[i].call->PauseReading(true);
    pair.client.Message(id, std::string(500'000, 'x'), true);
  }
  pair.Exchange();
  EXPECT_EQ(pair.Unary("/test.S/Echo", std::string(50'000, 'y')).GrpcStatus(), "0");
  for (Streamer& streamer : streamers) streamer.call->PauseReading(false);
  pair.Exchange();
  for (Streamer& streamer : streamers) EXPECT_EQ(streamer.messages.size(), 1u);
}

TEST(HeldBytesTest, ACallBeyondTheConnectionsLimitFailsAndTheOthersGoOn) {
  Streamer first;
  Streamer second;
  H2Pair pair({.max_buffered_request_bytes = 150'000, .stream_window_bytes = 100'000});
  pair.server.methods.Add("/test.S/A", Method::Kind::kBidi, first.Handler());
  pair.server.methods.Add("/test.S/B", Method::Kind::kBidi, second.Handler());
  const int32_t a = pair.client.GrpcRequest("/test.S/A");
  const int32_t b = pair.client.GrpcRequest("/test.S/B");
  pair.Exchange();
  first.call->PauseReading(true);
  second.call->PauseReading(true);
  pair.client.Data(a, Framed(std::string(80'000, 'x')), false);
  pair.Exchange();
  pair.client.Data(b, Framed(std::string(80'000, 'x')), false);
  pair.Exchange();
  EXPECT_EQ(pair.client.answer(b).GrpcStatus(), "8 etcdserver: too many requests");
  EXPECT_TRUE(second.ended);
  first.call->PauseReading(false);
  pair.Exchange();
  EXPECT_EQ(first.messages.size(), 1u);
  EXPECT_FALSE(first.ended);
}

TEST(UnreadAnswersTest, AConnectionThatReadsNothingGetsNoMoreOfThem) {
  H2Pair pair({.max_unread_answer_bytes = 1'000'000}, /*auto_window=*/false);
  int starts = 0;
  pair.server.methods.Add("/test.S/Big", Method::Kind::kUnary,
                          [&](std::shared_ptr<Call> call, std::string_view) {
                            ++starts;
                            call->Send({std::string(300'000, 'x'), nullptr});
                            call->Finish(absl::OkStatus());
                          });
  for (int i = 0; i < 10; ++i) pair.Unary("/test.S/Big", "");
  EXPECT_LE(starts, 5);
  EXPECT_EQ(pair.Unary("/test.S/Big", "").GrpcStatus(), "8 etcdserver: too many requests");
}

TEST(PartsTest, AreOneMessageOnTheWireAndLeaveAtTheClientsPace) {
  H2Pair pair({}, /*auto_window=*/false);
  std::shared_ptr<Call> held;
  int writable = 0;
  pair.server.methods.Add(
      "/test.S/Parts", Method::Kind::kUnary, [&](std::shared_ptr<Call> call, std::string_view) {
        held = std::move(call);
        held->SetEvents({.on_message = {}, .on_half_close = {}, .on_end = {}, .on_writable = [&] {
                           ++writable;
                         }});
      });
  const int32_t id = pair.client.GrpcRequest("/test.S/Parts");
  pair.client.Message(id, "", true);
  pair.Exchange();
  const auto part = std::make_shared<const std::string>(std::string(600'000, 'x'));
  held->SendPart({"head", part}, 1'200'000);
  held->SendPart({"", part}, 600'000);
  pair.Exchange();
  EXPECT_GT(held->pending_bytes(), Call::kHighWater);
  EXPECT_EQ(writable, 0);
  const auto read_on = [&](auto until) {
    for (int i = 0; i < 100 && !until(); ++i) {
      pair.client.Grant(id, 60'000);
      pair.Exchange();
    }
  };
  read_on([&] { return writable == 1; });
  EXPECT_LT(held->pending_bytes(), Call::kLowWater);
  held->SendPart({"", part}, 0);
  held->Finish(absl::OkStatus());
  read_on([&] { return pair.client.answer(id).ended; });
  EXPECT_THAT(pair.client.answer(id).Messages(),
              testing::ElementsAre("head" + std::string(1'800'000, 'x')));
  EXPECT_EQ(pair.client.answer(id).GrpcStatus(), "0");
}

TEST(FairnessTest, ALargeAnswerAndASmallOneShareTheConnection) {
  H2Pair pair;
  AddEcho(pair.server.methods);
  const auto large = std::make_shared<const std::string>(std::string(8 << 20, 'x'));
  pair.server.methods.Add("/test.S/Large", Method::Kind::kUnary,
                          [&](std::shared_ptr<Call> call, std::string_view) {
                            call->Send({"", large});
                            call->Finish(absl::OkStatus());
                          });
  pair.client.SetInitialWindow(1 << 30);
  pair.client.Grant(0, 0);
  pair.Exchange();
  const int32_t big = pair.client.GrpcRequest("/test.S/Large");
  pair.client.Message(big, "", true);
  const int32_t small = pair.client.GrpcRequest("/test.S/Echo");
  pair.client.Message(small, "hello", true);
  // One turn of output: the small answer is in it although the large one came first.
  pair.server.transport->capacity = 60'000;
  pair.server.Deliver(pair.client.TakeOutput());
  pair.client.Receive(pair.server.TakeOutput());
  EXPECT_EQ(pair.client.answer(small).GrpcStatus(), "0");
  EXPECT_FALSE(pair.client.answer(big).ended);
}

}  // namespace
}  // namespace keelson::server
