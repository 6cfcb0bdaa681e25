// The front end on real sockets: accepting, both protocols at once, limits, shutdown.
#include "server/rpc/front_end.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <cstdio>
#include <fstream>

#include "tests/rpc/h2_client.h"
#include "tests/rpc/loop_thread.h"

namespace keelson::server {
namespace {

using asio::ip::tcp;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A blocking client socket.
class Client {
 public:
  explicit Client(const std::string& address) : socket_(io_) {
    const auto port = static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    socket_.connect(tcp::endpoint(asio::ip::make_address("127.0.0.1"), port));
  }
  void Write(std::string_view bytes) {
    asio::error_code error;
    asio::write(socket_, asio::buffer(bytes.data(), bytes.size()), error);
  }
  // What comes next; empty at the end of the connection.
  std::string Read() {
    std::string buffer(64 << 10, '\0');
    asio::error_code error;
    buffer.resize(socket_.read_some(asio::buffer(buffer), error));
    return buffer;
  }
  std::string ReadBytes(size_t count) {
    std::string bytes;
    while (bytes.size() < count) {
      const std::string more = Read();
      if (more.empty()) break;
      bytes += more;
    }
    return bytes;
  }
  std::string ReadToEnd() { return ReadBytes(SIZE_MAX); }
  tcp::socket& socket() { return socket_; }

 private:
  asio::io_context io_;
  tcp::socket socket_;
};

// Moves bytes between the client and the server until `done`, or the server closes.
void Pump(H2Client& h2, Client& client, const std::function<bool()>& done) {
  for (;;) {
    client.Write(h2.TakeOutput());
    if (done()) return;
    const std::string bytes = client.Read();
    if (bytes.empty()) return;
    h2.Receive(bytes);
  }
}

void AddEcho(LoopThread& server) {
  server.Add("/test.S/Echo", Method::Kind::kUnary,
             [](std::shared_ptr<Call> call, std::string_view request) {
               call->Send({std::string(request), nullptr});
               call->Finish(absl::OkStatus());
             });
}

TEST(FrontEndTest, ListenErrorsNameTheEndpoint) {
  asio::io_context loop;
  TestMethods methods;
  TestEndpoints endpoints;
  FrontEnd front_end(loop, {}, methods, endpoints);
  EXPECT_THAT(std::string(front_end.Listen("nonsense").message()), testing::HasSubstr("nonsense"));
  EXPECT_THAT(std::string(front_end.Listen("127.0.0.1:http-x").message()),
              testing::HasSubstr("127.0.0.1:http-x"));
  ASSERT_TRUE(front_end.Listen("127.0.0.1:0").ok());
  ASSERT_TRUE(front_end.Listen("localhost:0").ok());
  ASSERT_TRUE(front_end.Listen(":0").ok());
  ASSERT_EQ(front_end.addresses().size(), 3u);
  const std::string taken = front_end.addresses().front();
  EXPECT_TRUE(taken.starts_with("127.0.0.1:"));
  const absl::Status status = front_end.Listen(taken);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr(taken));
}

TEST(FrontEndTest, Http1AndHttp2ShareThePort) {
  LoopThread server;
  AddEcho(server);
  Client http1(server.address);
  Client http2(server.address);
  H2Client h2;
  const int32_t id = h2.GrpcRequest("/test.S/Echo");
  h2.Message(id, "hello", true);
  Pump(h2, http2, [&] { return h2.answer(id).closed; });
  EXPECT_THAT(h2.answer(id).Messages(), testing::ElementsAre("hello"));
  const std::string request = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
  http1.Write(request + request + request);
  const std::string answer =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 8\r\n\r\n"
      "GET /a? ";
  EXPECT_EQ(http1.ReadBytes(3 * answer.size()), answer + answer + answer);
  EXPECT_EQ(server.stats().connections_open, 2u);
}

// Which timer the kernel runs for the connection from `from` to `to`, as /proc/net/tcp has it.
int TimerOf(uint16_t from, uint16_t to) {
  std::ifstream table("/proc/net/tcp");
  for (std::string line; std::getline(table, line);) {
    unsigned local = 0, remote = 0, timer = 0;
    if (std::sscanf(line.c_str(), " %*d: %*x:%x %*x:%x %*x %*x:%*x %x:", &local, &remote, &timer) ==
            3 &&
        local == from && remote == to) {
      return static_cast<int>(timer);
    }
  }
  return -1;
}

TEST(FrontEndTest, TheKernelLooksAfterSilentConnections) {
  LoopThread server;
  Client client(server.address);
  client.Write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_NE(client.Read(), "");
  const auto port =
      static_cast<uint16_t>(std::stoi(server.address.substr(server.address.rfind(':') + 1)));
  const uint16_t own = client.socket().local_endpoint().port();
  constexpr int kRetransmission = 1, kKeepAlive = 2;
  // Until the client has acknowledged the answer another timer runs.
  int timer = kRetransmission;
  for (int i = 0; i < 100'000 && timer == kRetransmission; ++i) timer = TimerOf(port, own);
  EXPECT_EQ(timer, kKeepAlive);
}

TEST(FrontEndTest, JunkOnOneConnectionLeavesTheOthersAlone) {
  LoopThread server;
  AddEcho(server);
  Client good(server.address);
  H2Client h2;
  for (int i = 0; i < 20; ++i) {
    const std::string junk(1000, static_cast<char>(i * 13));
    for (const std::string& bytes : {junk, RawPreface() + junk, "GET " + junk}) {
      Client bad(server.address);
      bad.Write(bytes);
      asio::error_code ignored;
      bad.socket().shutdown(tcp::socket::shutdown_send, ignored);
      bad.ReadToEnd();
    }
    const int32_t id = h2.GrpcRequest("/test.S/Echo");
    h2.Message(id, "hello", true);
    Pump(h2, good, [&] { return h2.answer(id).closed; });
    EXPECT_EQ(h2.answer(id).GrpcStatus(), "0");
  }
}

TEST(FrontEndTest, AConnectionOverTheLimitIsClosedAndOneLessLetsTheNextIn) {
  LoopThread server({.max_connections = 2});
  auto first = std::make_unique<Client>(server.address);
  Client second(server.address);
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (Client* client : {first.get(), &second}) {
    client->Write(request);
    EXPECT_FALSE(client->Read().empty());
  }
  Client third(server.address);
  EXPECT_EQ(third.ReadToEnd(), "");
  EXPECT_EQ(server.stats().connections_refused, 1u);
  first->socket().shutdown(tcp::socket::shutdown_send);
  first->ReadToEnd();
  Client fourth(server.address);
  fourth.Write(request);
  EXPECT_FALSE(fourth.Read().empty());
}

TEST(FrontEndTest, ASlowConnectionIsClosedByTheRealTimer) {
  LoopThread server({.preface_timeout = milliseconds(50)});
  Client client(server.address);
  client.Write("PRI * ");
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST(FrontEndTest, AnAnswerLargerThanAllBuffersArrivesWhole) {
  LoopThread server;
  const std::string body(20 << 20, 'x');
  server.Do([&] {
    server.endpoints.handler = [&](const HttpRequest&, TestEndpoints::Respond respond) {
      respond({.body = body, .headers = {}});
    };
  });
  Client client(server.address);
  client.Write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string answer = client.ReadToEnd();
  ASSERT_GT(answer.size(), body.size());
  EXPECT_EQ(answer.substr(answer.size() - body.size()), body);
}

TEST(FrontEndTest, AnAnswerGivenOutsideTheLoopsTurnIsFlushedByItself) {
  LoopThread server;
  std::promise<std::shared_ptr<Call>> started;
  server.Add(
      "/test.S/Wait", Method::Kind::kUnary,
      [&](std::shared_ptr<Call> call, std::string_view) { started.set_value(std::move(call)); });
  Client client(server.address);
  H2Client h2;
  const int32_t id = h2.GrpcRequest("/test.S/Wait");
  h2.Message(id, "", true);
  client.Write(h2.TakeOutput());
  std::shared_ptr<Call> call = started.get_future().get();
  server.Do([&] {
    call->Send({"late", nullptr});
    call->Finish(absl::OkStatus());
    call.reset();
  });
  Pump(h2, client, [&] { return h2.answer(id).closed; });
  EXPECT_THAT(h2.answer(id).Messages(), testing::ElementsAre("late"));
}

TEST(ShutdownTest, OpenCallsEndInTheGraceAndThenItIsDone) {
  LoopThread server;
  std::promise<std::shared_ptr<Call>> started;
  server.Add(
      "/test.S/Wait", Method::Kind::kUnary,
      [&](std::shared_ptr<Call> call, std::string_view) { started.set_value(std::move(call)); });
  Client client(server.address);
  H2Client h2;
  const int32_t id = h2.GrpcRequest("/test.S/Wait");
  h2.Message(id, "", true);
  client.Write(h2.TakeOutput());
  std::shared_ptr<Call> call = started.get_future().get();
  std::promise<void> done;
  server.Do([&] { server.front_end->Shutdown(seconds(60), [&] { done.set_value(); }); });
  Pump(h2, client, [&] { return h2.goaway().has_value(); });
  EXPECT_EQ(h2.goaway(), 0u);
  EXPECT_THROW(Client(server.address), std::system_error) << "nothing new is accepted";
  server.Do([&] {
    call->Finish(absl::UnavailableError("etcdserver: server stopped"));
    call.reset();
  });
  Pump(h2, client, [&] { return h2.answer(id).closed; });
  EXPECT_EQ(h2.answer(id).GrpcStatus(), "14 etcdserver: server stopped");
  client.socket().close();
  done.get_future().wait();
  EXPECT_EQ(server.stats().connections_open, 0u);
}

TEST(ShutdownTest, CallsThatOutstayTheGraceAreEnded) {
  LoopThread server;
  std::promise<void> started;
  std::promise<void> ended;
  server.Add("/test.S/Wait", Method::Kind::kBidi,
             [&](std::shared_ptr<Call> call, std::string_view) {
               call->SetEvents({.on_message = {},
                                .on_half_close = {},
                                .on_end = [&] { ended.set_value(); },
                                .on_writable = {}});
               started.set_value();
             });
  Client client(server.address);
  H2Client h2;
  h2.GrpcRequest("/test.S/Wait");
  client.Write(h2.TakeOutput());
  started.get_future().wait();
  std::promise<void> done;
  server.Do([&] { server.front_end->Shutdown(milliseconds(50), [&] { done.set_value(); }); });
  ended.get_future().wait();
  done.get_future().wait();
}

TEST(ShutdownTest, WithoutConnectionsItIsDoneAtOnce) {
  LoopThread server;
  std::promise<void> done;
  server.Do([&] { server.front_end->Shutdown(seconds(60), [&] { done.set_value(); }); });
  done.get_future().wait();
}

TEST(ShutdownTest, TheFrontEndMayGoWhileConnectionsAreOpenAndTheLoopRunsOn) {
  LoopThread server;
  AddEcho(server);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(std::make_unique<Client>(server.address));
    clients.back()->Write(i % 2 == 0 ? RawPreface() : "GET / HTTP/1.1\r\n");
  }
  server.Do([&] { server.front_end.reset(); });
  for (auto& client : clients) client->ReadToEnd();
}

}  // namespace
}  // namespace keelson::server
