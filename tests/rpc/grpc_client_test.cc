// A genuine gRPC client (grpc++) against the front end.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "proto/etcd/rpc.grpc.pb.h"
#include "tests/rpc/loop_thread.h"

namespace keelson::server {
namespace {

using etcdserverpb::LeaseGrantRequest;
using etcdserverpb::LeaseGrantResponse;
using etcdserverpb::PutRequest;
using etcdserverpb::PutResponse;
using etcdserverpb::SnapshotRequest;
using etcdserverpb::SnapshotResponse;
using etcdserverpb::WatchRequest;
using etcdserverpb::WatchResponse;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr const char* kPut = "/etcdserverpb.KV/Put";
constexpr const char* kWatch = "/etcdserverpb.Watch/Watch";
constexpr const char* kSnapshot = "/etcdserverpb.Maintenance/Snapshot";

// Each test has channels of its own: gRPC would share connections between equal ones.
std::shared_ptr<grpc::Channel> Connect(const std::string& address,
                                       grpc::ChannelArguments arguments = {}) {
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

SharedBody Serialized(const google::protobuf::Message& message) {
  SharedBody body;
  message.SerializeToString(&body.head);
  return body;
}

// Answers a Put with the request's key in prev_kv.
void AddPut(LoopThread& server) {
  server.Add(kPut, Method::Kind::kUnary, [](std::shared_ptr<Call> call, std::string_view bytes) {
    PutRequest request;
    request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
    PutResponse response;
    response.mutable_prev_kv()->set_key(request.key());
    response.mutable_prev_kv()->set_value(request.value());
    call->Send(Serialized(response));
    call->Finish(absl::OkStatus());
  });
}

TEST(GrpcClientTest, UnaryCallsComeBackWithWhatTheySent) {
  LoopThread server;
  AddPut(server);
  const auto stub = etcdserverpb::KV::NewStub(Connect(server.address));
  for (size_t size : {0u, 1u, 1000u, 70'000u, 1'500'000u}) {
    grpc::ClientContext context;
    PutRequest request;
    request.set_key("k");
    request.set_value(std::string(size, 'v'));
    PutResponse response;
    const grpc::Status status = stub->Put(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.prev_kv().value(), request.value());
  }
}

TEST(GrpcClientTest, AMessageOverTheLimitIsResourceExhausted) {
  LoopThread server;
  AddPut(server);
  const auto stub = etcdserverpb::KV::NewStub(Connect(server.address));
  PutRequest request;
  request.set_value(std::string(3 << 20, 'v'));
  PutResponse response;
  grpc::ClientContext context;
  const grpc::Status status = stub->Put(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("grpc: received message larger than max ("));
  EXPECT_THAT(status.error_message(), HasSubstr(" vs. 2097152)"));
}

TEST(GrpcClientTest, StatusTextsAndMetadataArriveAsTheyWereGiven) {
  LoopThread server;
  std::string token;
  std::string raw;
  server.Add(kPut, Method::Kind::kUnary, [&](std::shared_ptr<Call> call, std::string_view) {
    token = call->context().Find("token").value_or("none");
    raw = call->context().Find("raw-bin").value_or("none");
    call->AddMetadata("keelson-quorum", "true");
    call->Send({"", nullptr});
    call->AddTrailer("t-bin", std::string("\0\xff", 2));
    call->Finish(absl::FailedPreconditionError("100% caf\xc3\xa9\n\"quoted\""));
  });
  const auto stub = etcdserverpb::KV::NewStub(Connect(server.address));
  grpc::ClientContext context;
  context.AddMetadata("token", "abc");
  context.AddMetadata("raw-bin", std::string("\0\1\2", 3));
  PutResponse response;
  const grpc::Status status = stub->Put(&context, PutRequest(), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(), "100% caf\xc3\xa9\n\"quoted\"");
  EXPECT_EQ(token, "abc");
  EXPECT_EQ(raw, std::string("\0\1\2", 3));
  const auto& leading = context.GetServerInitialMetadata();
  const auto& trailing = context.GetServerTrailingMetadata();
  ASSERT_EQ(leading.count("keelson-quorum"), 1u);
  ASSERT_EQ(trailing.count("t-bin"), 1u);
  const auto bytes = trailing.find("t-bin")->second;
  EXPECT_EQ(std::string(bytes.data(), bytes.size()), std::string("\0\xff", 2));
}

TEST(GrpcClientTest, UnknownMethodsAreUnimplementedWithGosTexts) {
  LoopThread server;
  AddPut(server);
  const auto channel = Connect(server.address);
  grpc::ClientContext first;
  PutResponse response;
  etcdserverpb::RangeResponse range;
  const auto kv = etcdserverpb::KV::NewStub(channel);
  const grpc::Status method = kv->Range(&first, etcdserverpb::RangeRequest(), &range);
  EXPECT_EQ(method.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(method.error_message(), "unknown method Range for service etcdserverpb.KV");
  grpc::ClientContext second;
  LeaseGrantResponse grant;
  const auto lease = etcdserverpb::Lease::NewStub(channel);
  const grpc::Status service = lease->LeaseGrant(&second, LeaseGrantRequest(), &grant);
  EXPECT_EQ(service.error_message(), "unknown service etcdserverpb.Lease");
}

TEST(GrpcClientTest, CompressionIsRefused) {
  LoopThread server;
  AddPut(server);
  const auto stub = etcdserverpb::KV::NewStub(Connect(server.address));
  grpc::ClientContext context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  PutResponse response;
  const grpc::Status status = stub->Put(&context, PutRequest(), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST(GrpcClientTest, DeadlinesEndTheCallOnBothSides) {
  LoopThread server;
  std::promise<void> ended;
  server.Add(kPut, Method::Kind::kUnary, [&](std::shared_ptr<Call> call, std::string_view) {
    EXPECT_TRUE(call->context().deadline.has_value());
    call->SetEvents({.on_message = {},
                     .on_half_close = {},
                     .on_end = [&] { ended.set_value(); },
                     .on_writable = {}});
  });
  const auto stub = etcdserverpb::KV::NewStub(Connect(server.address));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + milliseconds(200));
  PutResponse response;
  const grpc::Status status = stub->Put(&context, PutRequest(), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  ended.get_future().wait();
}

TEST(GrpcClientTest, ACancelledCallEndsAtTheHandler) {
  LoopThread server;
  std::promise<void> started;
  std::promise<void> ended;
  server.Add(kWatch, Method::Kind::kBidi, [&](std::shared_ptr<Call> call, std::string_view) {
    call->SetEvents({.on_message = {},
                     .on_half_close = {},
                     .on_end = [&] { ended.set_value(); },
                     .on_writable = {}});
    started.set_value();
  });
  const auto stub = etcdserverpb::Watch::NewStub(Connect(server.address));
  grpc::ClientContext context;
  const auto stream = stub->Watch(&context);
  started.get_future().wait();
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  ended.get_future().wait();
}

TEST(GrpcClientTest, ABidiStreamEchoesUntilTheClientIsDone) {
  LoopThread server;
  server.Add(kWatch, Method::Kind::kBidi, [](std::shared_ptr<Call> call, std::string_view) {
    Call* raw = call.get();
    raw->SetEvents({.on_message =
                        [call](std::string_view bytes) {
                          WatchRequest request;
                          request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
                          WatchResponse response;
                          response.set_watch_id(request.cancel_request().watch_id());
                          call->Send(Serialized(response));
                        },
                    .on_half_close = [call] { call->Finish(absl::OkStatus()); },
                    .on_end = {},
                    .on_writable = {}});
  });
  const auto stub = etcdserverpb::Watch::NewStub(Connect(server.address));
  grpc::ClientContext context;
  const auto stream = stub->Watch(&context);
  WatchResponse response;
  for (int i = 0; i < 200; ++i) {
    WatchRequest request;
    request.mutable_cancel_request()->set_watch_id(i);
    ASSERT_TRUE(stream->Write(request));
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.watch_id(), i);
  }
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

// Sends `total` messages of `size` bytes, as many as the call has room for.
struct Source {
  std::shared_ptr<Call> call;
  int total = 0;
  size_t size = 0;
  int sent = 0;
  size_t most_pending = 0;

  void Fill() {
    while (sent < total && call->pending_bytes() < Call::kHighWater) {
      SnapshotResponse response;
      response.set_remaining_bytes(static_cast<uint64_t>(sent++));
      response.set_blob(std::string(size, 'b'));
      call->Send(Serialized(response));
      most_pending = std::max(most_pending, call->pending_bytes());
    }
    if (sent == total && call) std::exchange(call, nullptr)->Finish(absl::OkStatus());
  }
};

TEST(GrpcClientTest, ASlowReaderHoldsBackItsStreamAndNotItsNeighbour) {
  LoopThread server;
  AddPut(server);
  Source source{.call = {}, .total = 400, .size = 100'000};
  server.Add(kSnapshot, Method::Kind::kServerStream,
             [&](std::shared_ptr<Call> call, std::string_view) {
               source.call = std::move(call);
               source.call->SetEvents({.on_message = {},
                                       .on_half_close = {},
                                       .on_end = [&] { source.call.reset(); },
                                       .on_writable = [&] { source.Fill(); }});
               source.Fill();
             });
  const auto channel = Connect(server.address);
  const auto maintenance = etcdserverpb::Maintenance::NewStub(channel);
  const auto kv = etcdserverpb::KV::NewStub(channel);
  grpc::ClientContext context;
  const auto reader = maintenance->Snapshot(&context, SnapshotRequest());
  SnapshotResponse response;
  ASSERT_TRUE(reader->Read(&response));
  // While nobody reads on, the neighbour on the same connection is served.
  for (int i = 0; i < 100; ++i) {
    grpc::ClientContext put_context;
    PutResponse put;
    ASSERT_TRUE(kv->Put(&put_context, PutRequest(), &put).ok());
  }
  server.Do([&] { EXPECT_LT(source.sent, source.total); });
  uint64_t next = 1;
  while (reader->Read(&response)) EXPECT_EQ(response.remaining_bytes(), next++);
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(next, 400u);
  EXPECT_LT(source.most_pending, Call::kHighWater + 200'000);
}

TEST(GrpcClientTest, AHundredStreamsOnOneConnectionAreServedTogether) {
  LoopThread server;
  std::vector<std::shared_ptr<Call>> waiting;  // on the loop's thread
  server.Add(kPut, Method::Kind::kUnary, [&](std::shared_ptr<Call> call, std::string_view) {
    waiting.push_back(std::move(call));
    if (waiting.size() < 100) return;
    for (auto& each : waiting) {
      each->Send({"", nullptr});
      each->Finish(absl::OkStatus());
    }
    waiting.clear();
  });
  const auto stub = etcdserverpb::KV::NewStub(Connect(server.address));
  grpc::CompletionQueue queue;
  struct Pending {
    grpc::ClientContext context;
    PutResponse response;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncResponseReader<PutResponse>> reader;
  };
  std::vector<std::unique_ptr<Pending>> calls;
  for (int i = 0; i < 100; ++i) {
    auto& call = calls.emplace_back(std::make_unique<Pending>());
    call->reader = stub->AsyncPut(&call->context, PutRequest(), &queue);
    call->reader->Finish(&call->response, &call->status, call.get());
  }
  for (int i = 0; i < 100; ++i) {
    void* tag = nullptr;
    bool ok = false;
    ASSERT_TRUE(queue.Next(&tag, &ok));
    EXPECT_TRUE(static_cast<Pending*>(tag)->status.ok());
  }
  EXPECT_EQ(server.stats().connections_accepted, 1u);
}

TEST(GrpcClientTest, ManyThreadsWithManyCallsAllSucceed) {
  LoopThread server;
  AddPut(server);
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const auto stub = etcdserverpb::KV::NewStub(Connect(server.address));
      for (int i = 0; i < 100; ++i) {
        grpc::ClientContext context;
        PutRequest request;
        request.set_value(std::string(static_cast<size_t>(i * 100), static_cast<char>('a' + t)));
        PutResponse response;
        const grpc::Status status = stub->Put(&context, request, &response);
        if (status.ok() && response.prev_kv().value() == request.value()) ++good;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 800);
}

TEST(GrpcClientTest, ShutdownLetsACallEndAndTheClientGoesElsewhere) {
  LoopThread server;
  std::shared_ptr<Call> first;  // on the loop's thread
  std::promise<void> started;
  server.Add(kPut, Method::Kind::kUnary, [&](std::shared_ptr<Call> call, std::string_view) {
    if (first) return call->Finish(absl::AbortedError("before the client saw GOAWAY"));
    first = std::move(call);
    started.set_value();
  });
  const auto stub = etcdserverpb::KV::NewStub(Connect(server.address));
  const auto put = [&stub] {
    grpc::ClientContext context;
    PutResponse response;
    return stub->Put(&context, PutRequest(), &response);
  };
  grpc::Status status;
  std::thread client([&] { status = put(); });
  started.get_future().wait();
  std::promise<void> done;
  server.Do([&] { server.front_end->Shutdown(seconds(60), [&] { done.set_value(); }); });
  // Once the client has seen GOAWAY it looks for a new connection, and there is none.
  grpc::Status late = put();
  while (late.error_code() == grpc::StatusCode::ABORTED) late = put();
  EXPECT_EQ(late.error_code(), grpc::StatusCode::UNAVAILABLE);
  server.Do([&] {
    first->Send({"", nullptr});
    std::exchange(first, nullptr)->Finish(absl::OkStatus());
  });
  client.join();
  EXPECT_TRUE(status.ok()) << status.error_message();
  done.get_future().wait();
}

TEST(GrpcClientTest, AClientThatPingsTooOftenIsToldSo) {
  LoopThread server({.keepalive_min_time = seconds(3600)});
  server.Add(kPut, Method::Kind::kUnary, [](std::shared_ptr<Call> call, std::string_view) {
    Call* raw = call.get();
    raw->SetEvents({.on_message = {}, .on_half_close = {}, .on_end = [call] {}, .on_writable = {}});
  });
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 100);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  const auto stub = etcdserverpb::KV::NewStub(Connect(server.address, arguments));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + seconds(30));
  PutResponse response;
  const grpc::Status status = stub->Put(&context, PutRequest(), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
  EXPECT_EQ(server.stats().connections_struck, 1u);
}

}  // namespace
}  // namespace keelson::server
