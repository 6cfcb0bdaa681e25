#include "bench/kvbench/h2_connection.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/kvbench/scripted_server.h"

namespace keelson::kvbench {
namespace {

class H2ConnectionTest : public testing::Test, public StreamHandler {
 protected:
  void Start(std::vector<nghttp2_settings_entry> settings = {}) {
    client_ = std::make_unique<H2Connection>("127.0.0.1:1", this);
    server_ = std::make_unique<ScriptedServer>(
        std::move(settings), [this](int32_t stream, const std::string& path,
                                    const std::string& message, bool end_of_stream) {
          paths_.push_back(path);
          received_.push_back(message);
          if (on_request_) return on_request_(stream, message);
          if (!end_of_stream) return;
          server_->Send(stream, "echo:" + message);
          server_->Finish(stream, 0);
        });
  }

  // Carries bytes both ways, in pieces of `piece`, until neither side has more to say.
  void Exchange(size_t piece = 1 << 20) {
    while (true) {
      std::string up;
      up.swap(client_->output());
      ASSERT_TRUE(server_->Feed(up)) << "the client broke the protocol";
      const std::string down = server_->TakeOutput();
      if (up.empty() && down.empty()) return;
      for (size_t at = 0; at < down.size(); at += piece) {
        kept_ += down.substr(at, piece);
        const auto used = client_->Feed(kept_);
        ASSERT_TRUE(used.ok()) << used.status();
        kept_.erase(0, *used);
      }
    }
  }

  void OnMessage(uint64_t tag, std::string_view message) override {
    messages_[tag].emplace_back(message);
    if (on_message_) on_message_(tag);
  }
  void OnChunk(uint64_t tag, std::string_view part) override { chunks_[tag].append(part); }
  void OnClosed(uint64_t tag, const GrpcStatus& status) override {
    closed_[tag] = status;
    if (on_closed_) on_closed_(tag);
  }

  std::unique_ptr<H2Connection> client_;
  std::unique_ptr<ScriptedServer> server_;
  std::string kept_;
  std::vector<std::string> paths_;
  std::vector<std::string> received_;
  std::map<uint64_t, std::vector<std::string>> messages_;
  std::map<uint64_t, std::string> chunks_;
  std::map<uint64_t, GrpcStatus> closed_;
  std::function<void(int32_t, const std::string&)> on_request_;
  std::function<void(uint64_t)> on_message_;
  std::function<void(uint64_t)> on_closed_;
};

TEST_F(H2ConnectionTest, ACallIsAnsweredAndClosedWithItsStatus) {
  Start();
  client_->Open({.method = Method::kPut, .tag = 42}, "hello");
  Exchange();
  EXPECT_EQ(paths_, std::vector<std::string>{"/etcdserverpb.KV/Put"});
  EXPECT_EQ(received_, std::vector<std::string>{"hello"});
  EXPECT_EQ(messages_[42], std::vector<std::string>{"echo:hello"});
  ASSERT_TRUE(closed_.contains(42));
  EXPECT_EQ(closed_[42].code, kOk);
  EXPECT_EQ(client_->open_streams(), 0u);
}

TEST_F(H2ConnectionTest, HeadersOfLaterCallsAreOnlyIndexes) {
  Start();
  const std::vector<Method> methods = {Method::kPut, Method::kRange, Method::kTxn, Method::kStatus};
  std::map<Method, size_t> last_size;
  for (int round = 0; round < 4; ++round) {
    for (const Method method : methods) {
      client_->Open({.method = method}, "x");
      last_size[method] = client_->output().size();
      Exchange();
      EXPECT_EQ(paths_.back(), PathOf(method));
    }
  }
  // HEADERS with six index bytes, DATA with prefix and one byte of message.
  for (const Method method : methods) EXPECT_EQ(last_size[method], 9u + 6 + 9 + 5 + 1);
}

TEST_F(H2ConnectionTest, APeerWithoutHeaderTableGetsPlainHeaders) {
  Start({{NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0}});
  for (uint64_t tag = 1; tag <= 5; ++tag) {
    client_->Open({.method = tag % 2 == 0 ? Method::kPut : Method::kRange, .tag = tag}, "x");
    Exchange();
    EXPECT_EQ(closed_[tag].code, kOk);
  }
}

TEST_F(H2ConnectionTest, AnErrorArrivesWithCodeAndDecodedText) {
  Start();
  on_request_ = [this](int32_t stream, const std::string&) {
    server_->Finish(stream, 11, "etcdserver: mvcc%3A 100%25");
  };
  client_->Open({.tag = 1}, "x");
  client_->Open({.tag = 2}, "x");
  Exchange();
  for (const uint64_t tag : {1, 2}) {
    EXPECT_EQ(closed_[tag].code, 11);
    EXPECT_EQ(closed_[tag].message, "etcdserver: mvcc: 100%");
  }
}

TEST_F(H2ConnectionTest, ALargeMessageWaitsForTheWindowAndArrivesWhole) {
  Start({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1000}});
  Exchange();
  const std::string large(300'000, 'L');
  client_->Open({.tag = 1}, large);
  client_->Open({.tag = 2}, "small, queued behind it");
  Exchange();
  ASSERT_EQ(received_.size(), 2u);
  EXPECT_EQ(received_[0], large);
  EXPECT_EQ(closed_[1].code, kOk);
  EXPECT_EQ(closed_[2].code, kOk);
}

TEST_F(H2ConnectionTest, AnswersSplitOverManyFramesArriveWhole) {
  Start();
  const std::string large(100'000, 'A');
  on_request_ = [&](int32_t stream, const std::string&) {
    server_->Send(stream, large);
    server_->Send(stream, "second");
    server_->Finish(stream, 0);
  };
  client_->Open({.tag = 1}, "x");
  client_->Open({.tag = 2, .half_close = true, .chunked = true}, "x");
  Exchange(777);
  EXPECT_EQ(messages_[1], (std::vector<std::string>{large, "second"}));
  EXPECT_EQ(chunks_[2], large + "second");
  EXPECT_TRUE(messages_[2].empty());
}

TEST_F(H2ConnectionTest, AStreamCarriesManyMessagesBothWays) {
  Start();
  on_request_ = [this](int32_t stream, const std::string& message) {
    server_->Send(stream, "re:" + message);
  };
  const uint32_t stream =
      client_->Open({.method = Method::kWatch, .tag = 7, .half_close = false}, "a");
  Exchange();
  client_->Send(stream, "b");
  Exchange();
  EXPECT_EQ(messages_[7], (std::vector<std::string>{"re:a", "re:b"}));
  EXPECT_TRUE(closed_.empty());
  client_->Cancel(stream);
  Exchange();
  EXPECT_TRUE(server_->cancelled(static_cast<int32_t>(stream)));
  EXPECT_TRUE(closed_.empty());
  client_->Send(stream, "too late");  // ignored
  Exchange();
  EXPECT_EQ(received_.size(), 2u);
}

TEST_F(H2ConnectionTest, TheStreamLimitOfThePeerIsKept) {
  Start({{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2}});
  on_request_ = [](int32_t, const std::string&) {};
  Exchange();
  client_->Open({.tag = 1}, "x");
  client_->Open({.tag = 2}, "x");
  EXPECT_FALSE(client_->CanOpen());
  Exchange();
  server_->Finish(1, 0);
  Exchange();
  EXPECT_TRUE(client_->CanOpen());
}

TEST_F(H2ConnectionTest, AResetEndsTheCallWithTheMappedCode) {
  Start();
  on_request_ = [this](int32_t stream, const std::string&) {
    server_->Reset(stream, NGHTTP2_REFUSED_STREAM);
  };
  client_->Open({.tag = 1}, "x");
  Exchange();
  EXPECT_EQ(closed_[1].code, kUnavailable);
}

TEST_F(H2ConnectionTest, GoAwayRefusesTheCallsBeyondItsLastStream) {
  Start();
  on_request_ = [](int32_t, const std::string&) {};
  client_->Open({.tag = 1}, "x");
  client_->Open({.tag = 2}, "x");
  Exchange();
  server_->GoAway(1);
  Exchange();
  EXPECT_FALSE(client_->CanOpen());
  EXPECT_FALSE(closed_.contains(1));
  EXPECT_EQ(closed_[2].code, kUnavailable);
}

TEST_F(H2ConnectionTest, APingIsAnswered) {
  Start();
  Exchange();
  server_->Ping();
  const std::string ping = server_->TakeOutput();
  ASSERT_TRUE(client_->Feed(ping).ok());
  EXPECT_EQ(client_->output().size(), 17u);
  Exchange();
}

TEST_F(H2ConnectionTest, AHandlerMayOpenAndCancelFromItsCallBacks) {
  Start();
  uint64_t next = 1000;
  on_closed_ = [&](uint64_t tag) {
    if (tag < 100) client_->Open({.tag = tag + 1}, std::string(50, 'q'));
  };
  on_message_ = [&](uint64_t tag) {
    if (tag % 10 == 0) client_->Cancel(client_->Open({.tag = next++}, "never mind"));
  };
  client_->Open({.tag = 1}, "x");
  Exchange(100);
  EXPECT_EQ(closed_.size(), 100u);
  EXPECT_EQ(client_->open_streams(), 0u);
}

TEST_F(H2ConnectionTest, ALostConnectionEndsEveryCallOnce) {
  Start();
  on_request_ = [](int32_t, const std::string&) {};
  for (uint64_t tag = 0; tag < 5; ++tag) client_->Open({.tag = tag}, "x");
  Exchange();
  client_->FailAll({kConnectionLost, "gone"});
  EXPECT_EQ(closed_.size(), 5u);
  EXPECT_EQ(closed_[3].code, kConnectionLost);
  EXPECT_FALSE(client_->CanOpen());
}

TEST_F(H2ConnectionTest, GarbageIsAnErrorNotACrash) {
  Start();
  EXPECT_FALSE(client_->Feed("HTTP/1.1 400 Bad Request\r\n\r\n").ok());
}

}  // namespace
}  // namespace keelson::kvbench
