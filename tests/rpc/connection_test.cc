// The life of a connection around its session: sniffing, writing, lingering, closing.
#include <gtest/gtest.h>

#include "tests/rpc/h2_pair.h"

namespace keelson::server {
namespace {

using std::chrono::seconds;

TEST(ConnectionTest, BothProtocolsAreToldApartByTheirFirstBytes) {
  Harness http1;
  http1.Deliver("PRI / HTTP/1.1\r\nHost: a\r\n\r\n", 1);
  EXPECT_TRUE(http1.TakeOutput().starts_with("HTTP/1.1 501 "));
  H2Pair http2;
  AddEcho(http2.server.methods);
  http2.server.Deliver(http2.client.TakeOutput(), 1);
  http2.client.Receive(http2.server.TakeOutput());
  EXPECT_EQ(http2.Unary("/test.S/Echo", "x").GrpcStatus(), "0");
}

TEST(ConnectionTest, OutputGoesOnWhenTheSocketTakesLittleAtATime) {
  H2Pair pair;
  AddEcho(pair.server.methods);
  pair.Exchange();
  const int32_t id = pair.client.GrpcRequest("/test.S/Echo");
  const std::string message(40'000, 'x');
  pair.client.Message(id, message, true);
  pair.server.transport->capacity = 0;
  for (;;) {
    const std::string up = pair.client.TakeOutput();
    if (up.empty()) break;
    pair.server.Deliver(up);
  }
  for (int i = 0; i < 10'000 && !pair.client.answer(id).closed; ++i) {
    pair.server.transport->Unblock(100);
    pair.server.Settle();
    pair.client.Receive(pair.server.TakeOutput());
    pair.server.Deliver(pair.client.TakeOutput());
  }
  EXPECT_EQ(pair.client.answer(id).Messages(), std::vector<std::string>{message});
}

TEST(ConnectionTest, TheLastWordsAreWrittenBeforeTheEnd) {
  Harness server;
  server.transport->capacity = 10;
  server.Deliver("junk\r\n\r\n");
  EXPECT_FALSE(server.hung_up());
  server.Advance(seconds(20));
  server.transport->Unblock(SIZE_MAX);
  EXPECT_TRUE(server.transport->write_shut);
  EXPECT_FALSE(server.transport->closed);
  EXPECT_TRUE(server.transport->written.ends_with("\n"));
  // What the client still sends is dropped until it closes or time is up.
  server.Deliver("more junk");
  EXPECT_FALSE(server.transport->closed);
  server.Advance(seconds(2));
  EXPECT_TRUE(server.transport->closed);
}

TEST(ConnectionTest, AClientThatNeverTakesTheLastWordsIsClosedAnyway) {
  Harness server;
  server.transport->capacity = 0;
  server.Deliver("junk\r\n\r\n");
  server.Advance(seconds(29));
  EXPECT_FALSE(server.transport->closed);
  server.Advance(seconds(1));
  EXPECT_TRUE(server.transport->closed);
}

TEST(ConnectionTest, AFloodBehindTheEndIsNotReadForEver) {
  Harness server;
  server.Deliver("junk\r\n\r\n");
  const std::string block(1 << 20, 'x');
  for (int i = 0; i < 10; ++i) server.Deliver(block);
  EXPECT_TRUE(server.transport->closed);
}

TEST(ConnectionTest, ABrokenConnectionClosesAtOnceInEveryState) {
  Harness fresh;
  fresh.transport->Break();
  EXPECT_TRUE(fresh.transport->closed);
  Harness lingering;
  lingering.Deliver("junk\r\n\r\n");
  lingering.transport->Break();
  EXPECT_TRUE(lingering.transport->closed);
  Harness fresh_eof;
  fresh_eof.DeliverEof();
  EXPECT_TRUE(fresh_eof.transport->closed);
}

TEST(ConnectionTest, TheEndOfAnHttp2ClientEndsItsCalls) {
  int ends = 0;
  H2Pair pair;
  pair.server.methods.Add(
      "/test.S/Wait", Method::Kind::kBidi, [&](std::shared_ptr<Call> call, std::string_view) {
        call->SetEvents(
            {.on_message = {}, .on_half_close = {}, .on_end = [&] { ++ends; }, .on_writable = {}});
      });
  pair.client.GrpcRequest("/test.S/Wait");
  pair.Exchange();
  pair.server.DeliverEof();
  EXPECT_EQ(ends, 1);
  EXPECT_TRUE(pair.server.transport->closed);
  EXPECT_EQ(pair.server.context.deadlines.size(), 0u);
}

}  // namespace
}  // namespace keelson::server
