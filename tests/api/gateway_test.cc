// The JSON gateway: from a POST to a call and back, with every kind of method.
#include "server/api/gateway.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <set>

#include "proto/etcd/rpc.pb.h"
#include "proto/etcd/v3election.pb.h"
#include "proto/etcd/v3lock.pb.h"
#include "server/api/gateway_routes.h"
#include "server/apply/validate.h"
#include "tests/api/gateway_harness.h"

namespace keelson::server {
namespace {

using etcdserverpb::LeaseKeepAliveRequest;
using etcdserverpb::LeaseKeepAliveResponse;
using etcdserverpb::PutRequest;
using etcdserverpb::PutResponse;
using etcdserverpb::RangeRequest;
using etcdserverpb::RangeResponse;
using etcdserverpb::SnapshotResponse;

using CallPtr = std::shared_ptr<Call>;

// Of a test that runs no call of its own.
template <typename Response>
SharedBody Body(const Response& response) {
  return {response.SerializeAsString(), nullptr};
}

TEST(GatewayRoutesTest, EveryRpcHasAPathAndEveryPathAnRpc) {
  std::set<std::string> routed, paths;
  for (const GatewayRoute& route : GatewayRoutes()) {
    routed.emplace(route.rpc);
    EXPECT_TRUE(paths.emplace(route.path).second) << route.path;
    EXPECT_TRUE(IsGatewayPath(route.path)) << route.path;
  }
  int rpcs = 0;
  for (const auto* file :
       {PutRequest::descriptor()->file(), v3lockpb::LockRequest::descriptor()->file(),
        v3electionpb::LeaderRequest::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        const auto* method = file->service(s)->method(m);
        const std::string rpc = "/" + method->service()->full_name() + "/" + method->name();
        if (rpc == "/etcdserverpb.KV/RangeStream") continue;  // nor has it one in etcd
        EXPECT_TRUE(routed.erase(rpc) == 1) << rpc << " has no path in gateway_routes.cc";
        ++rpcs;
      }
    }
  }
  EXPECT_GT(rpcs, 45);
  EXPECT_THAT(routed, testing::IsEmpty()) << "paths of RPCs that there are not";
}

TEST(GatewayTest, AUnaryCallGetsTheMessageAndAnswersOnOneLine) {
  GatewayHarness http;
  PutRequest seen;
  http.methods.AddUnary<PutRequest>("/etcdserverpb.KV/Put",
                                    [&](CallPtr call, const PutRequest& request, std::string_view) {
                                      seen = request;
                                      PutResponse response;
                                      response.mutable_header()->set_revision(7);
                                      response.mutable_prev_kv()->set_key("foo");
                                      Answer(*call, response);
                                    });
  const auto reply = http.Post(
      "/v3/kv/put", "{\"key\":\"Zm9v\",\"value\":\"YmFy\",\"lease\":\"5\",\"prevKv\":true}");
  EXPECT_EQ(seen.key(), "foo");
  EXPECT_EQ(seen.value(), "bar");
  EXPECT_EQ(seen.lease(), 5);
  EXPECT_TRUE(seen.prev_kv());
  EXPECT_EQ(reply->head.status, 200);
  EXPECT_EQ(reply->head.content_type, "application/json");
  EXPECT_EQ(reply->text, "{\"header\":{\"revision\":\"7\"},\"prev_kv\":{\"key\":\"Zm9v\"}}");
  EXPECT_EQ(reply->answers, 1);
  const Method* method = http.methods.Find("/etcdserverpb.KV/Put");
  EXPECT_EQ(method->counts->started, 1u);
  EXPECT_EQ(method->counts->handled[0], 1u);
  EXPECT_EQ(method->counts->messages_received, 1u);
  EXPECT_EQ(method->counts->messages_sent, 1u);
  ASSERT_NE(http.call_times.Find(*method), nullptr);
  EXPECT_EQ(http.call_times.Find(*method)->count(), 1u);
}

TEST(GatewayTest, TheOlderPrefixesLeadToTheSameCalls) {
  GatewayHarness http;
  int calls = 0;
  http.methods.AddUnary<PutRequest>("/etcdserverpb.KV/Put",
                                    [&](CallPtr call, const PutRequest&, std::string_view) {
                                      ++calls;
                                      Answer(*call, PutResponse());
                                    });
  for (const char* path : {"/v3/kv/put", "/v3beta/kv/put", "/v3alpha/kv/put"}) {
    EXPECT_EQ(http.Post(path, "{}")->text, "{}") << path;
  }
  EXPECT_EQ(calls, 3);
  EXPECT_FALSE(IsGatewayPath("/v3"));
  EXPECT_FALSE(IsGatewayPath("/v2/keys"));
}

TEST(GatewayTest, WhatIsNoCallIsRefusedWithItsHttpStatus) {
  GatewayHarness http;
  http.methods.AddUnary<PutRequest>(
      "/etcdserverpb.KV/Put",
      [&](CallPtr, const PutRequest&, std::string_view) { FAIL() << "there was no message"; });
  const auto unknown = http.Post("/v3/kv/nothing", "{}");
  EXPECT_EQ(unknown->head.status, 404);
  EXPECT_EQ(unknown->text, "{\"error\":\"Not Found\",\"code\":5,\"message\":\"Not Found\"}");
  for (const char* method : {"GET", "HEAD", "PUT", "DELETE", "PATCH"}) {
    EXPECT_EQ(http.Send(method, "/v3/kv/put", "")->head.status, 405) << method;
  }
  const auto missing = http.Post("/v3/kv/range", "{}");
  EXPECT_EQ(missing->head.status, 501);
  EXPECT_NE(missing->text.find("unknown method Range for service etcdserverpb.KV"),
            std::string::npos);
  for (const char* body : {"x", "[]", "\"text\"", "5", "{", "{\"key\":\"Zm9v\"", "{\"key\":5}",
                           "{\"key\":\"!\"}", "{\"lease\":\"x\"}", "{\"lease\":1.5}",
                           "{\"lease\":\"9223372036854775808\"}", "{\"prev_kv\":3}", "{]}"}) {
    const auto reply = http.Post("/v3/kv/put", body);
    EXPECT_EQ(reply->head.status, 400) << body;
    EXPECT_NE(reply->text.find("\"code\":3,"), std::string::npos) << reply->text;
    EXPECT_EQ(reply->text.find('\n'), std::string::npos) << reply->text;
  }
}

TEST(GatewayTest, NoBodyAndNullAreEmptyMessagesAndWhatStandsBehindIsNotLookedAt) {
  GatewayHarness http;
  std::vector<std::string> keys;
  http.methods.AddUnary<PutRequest>("/etcdserverpb.KV/Put",
                                    [&](CallPtr call, const PutRequest& request, std::string_view) {
                                      keys.push_back(request.key());
                                      Answer(*call, PutResponse());
                                    });
  for (const char* body : {"", " \r\n", "null", "{\"key\":\"YQ==\"} and more", "{}{\"key\":5}"}) {
    EXPECT_EQ(http.Post("/v3/kv/put", body)->head.status, 200) << body;
  }
  EXPECT_EQ(keys, (std::vector<std::string>{"", "", "", "a", ""}));
}

TEST(GatewayTest, AMessageOverTheLimitNeverReachesItsHandler) {
  GatewayHarness http(/*max_request=*/100);
  http.methods.AddUnary<PutRequest>(
      "/etcdserverpb.KV/Put",
      [](CallPtr call, const PutRequest&, std::string_view) { Answer(*call, PutResponse()); });
  const std::string fits(4 * 24, 'A'), over(4 * 40, 'A');
  EXPECT_EQ(http.Post("/v3/kv/put", "{\"value\":\"" + fits + "\"}")->head.status, 200);
  const auto reply = http.Post("/v3/kv/put", "{\"value\":\"" + over + "\"}");
  EXPECT_EQ(reply->head.status, 429);
  EXPECT_NE(reply->text.find("grpc: received message larger than max"), std::string::npos);
}

TEST(GatewayTest, ErrorsHaveEveryReleasesFieldsAndTheirStatus) {
  const std::pair<int, int> codes[] = {
      {1, 499}, {2, 500},  {3, 400},  {4, 504},  {5, 404},  {6, 409},  {7, 403},  {8, 429},
      {9, 400}, {10, 409}, {11, 400}, {12, 501}, {13, 500}, {14, 503}, {15, 500}, {16, 401}};
  absl::Status error;
  GatewayHarness http;
  http.methods.AddUnary<PutRequest>(
      "/etcdserverpb.KV/Put",
      [&](CallPtr call, const PutRequest&, std::string_view) { Answer(*call, error); });
  http.methods.Add("/etcdserverpb.Maintenance/Snapshot", Method::Kind::kServerStream,
                   [&](CallPtr call, std::string_view) { call->Finish(error); });
  for (const auto& [code, status] : codes) {
    error = absl::Status(static_cast<absl::StatusCode>(code), "say \"no\"");
    const auto reply = http.Post("/v3/kv/put", "{}");
    EXPECT_EQ(reply->head.status, status) << code;
    EXPECT_EQ(reply->text, "{\"error\":\"say \\\"no\\\"\",\"code\":" + std::to_string(code) +
                               ",\"message\":\"say \\\"no\\\"\"}");
    EXPECT_EQ(reply->Field("WWW-Authenticate"), code == 16 ? "say \"no\"" : "");
    const auto stream = http.Post("/v3/maintenance/snapshot", "{}");
    EXPECT_EQ(stream->head.status, status) << code;
    EXPECT_FALSE(stream->begun);
    EXPECT_NE(stream->text.find("{\"error\":{\"grpc_code\":" + std::to_string(code) +
                                ",\"http_code\":" + std::to_string(status)),
              std::string::npos)
        << stream->text;
    EXPECT_EQ(stream->text.back(), '\n');
  }
}

TEST(GatewayTest, HeadersBecomeMetadataAndMetadataHeaders) {
  GatewayHarness http;
  http.methods.AddUnary<PutRequest>("/etcdserverpb.KV/Put",
                                    [&](CallPtr call, const PutRequest&, std::string_view) {
                                      const CallContext& context = call->context();
                                      EXPECT_EQ(context.method, "/etcdserverpb.KV/Put");
                                      EXPECT_EQ(context.peer, "10.0.0.1:4711");
                                      EXPECT_EQ(context.Find("hasleader"), "true");
                                      EXPECT_EQ(context.Find("authorization"), "token");
                                      EXPECT_EQ(context.Find("grpcgateway-accept"), "*/*");
                                      EXPECT_EQ(context.Find("user-agent"), std::nullopt);
                                      call->AddMetadata("age", "5");
                                      call->AddTrailer("late", "6");
                                      Answer(*call, PutResponse());
                                    });
  const auto reply = http.Post("/v3/kv/put", "{}",
                               {{"grpc-metadata-hasleader", "true"},
                                {"authorization", "token"},
                                {"user-agent", "curl"},
                                {"accept", "*/*"}});
  EXPECT_EQ(reply->Field("Grpc-Metadata-age"), "5");
  EXPECT_EQ(reply->Field("Grpc-Trailer-late"), "6");
}

TEST(GatewayTest, AnErrorHasTheMetadataToo) {
  GatewayHarness http;
  http.methods.AddUnary<PutRequest>("/etcdserverpb.KV/Put",
                                    [](CallPtr call, const PutRequest&, std::string_view) {
                                      call->AddMetadata("age", "5");
                                      Answer(*call, absl::NotFoundError("no such lease"));
                                    });
  const auto reply = http.Post("/v3/kv/put", "{}");
  EXPECT_EQ(reply->head.status, 404);
  EXPECT_EQ(reply->Field("Grpc-Metadata-age"), "5");
}

// Answers every keep-alive with its id, and ends when the client has.
void AddKeepAlive(Methods& methods) {
  methods.Add("/etcdserverpb.Lease/LeaseKeepAlive", Method::Kind::kBidi,
              [](CallPtr call, std::string_view request) {
                EXPECT_TRUE(request.empty());
                Call::Events events;
                events.on_message = [call](std::string_view bytes) {
                  LeaseKeepAliveRequest one;
                  EXPECT_TRUE(one.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
                  LeaseKeepAliveResponse response;
                  response.set_id(one.id());
                  call->Send(Body(response));
                };
                events.on_half_close = [call] { call->Finish(absl::OkStatus()); };
                call->SetEvents(std::move(events));
              });
}

TEST(GatewayTest, AStreamTakesAllMessagesOfItsBodyAndAnswersALineEach) {
  GatewayHarness http;
  AddKeepAlive(http.methods);
  const auto reply = http.Post("/v3/lease/keepalive", "{\"ID\":1}{\"ID\":\"2\"}\n{\"ID\":3} ");
  http.loop.Run();
  EXPECT_EQ(reply->head.status, 200);
  EXPECT_TRUE(reply->begun);
  EXPECT_EQ(
      reply->text,
      "{\"result\":{\"ID\":\"1\"}}\n{\"result\":{\"ID\":\"2\"}}\n{\"result\":{\"ID\":\"3\"}}\n");
  EXPECT_EQ(reply->answers, 1);
  EXPECT_FALSE(reply->has_events()) << "call, handler and reply let go of each other";
  const auto empty = http.Post("/v3/lease/keepalive", "");
  http.loop.Run();
  EXPECT_EQ(empty->head.status, 200);
  EXPECT_EQ(empty->text, "");
  EXPECT_EQ(empty->answers, 1);
}

TEST(GatewayTest, AMalformedMessageEndsAStreamBehindWhatWasAnswered) {
  GatewayHarness http;
  AddKeepAlive(http.methods);
  const auto reply = http.Post("/v3/lease/keepalive", "{\"ID\":1}x{\"ID\":2}");
  http.loop.Run();
  EXPECT_TRUE(reply->text.starts_with(
      "{\"result\":{\"ID\":\"1\"}}\n{\"error\":{\"grpc_code\":3,\"http_code\":400,\"message\":"))
      << reply->text;
  EXPECT_EQ(reply->text.find("\"2\""), std::string::npos);
  EXPECT_EQ(reply->answers, 1);
  EXPECT_EQ(http.methods.Find("/etcdserverpb.Lease/LeaseKeepAlive")->counts->handled[3], 1u);
}

TEST(GatewayTest, ManyMessagesInABodyDoNotHoldTheLoop) {
  GatewayHarness http;
  AddKeepAlive(http.methods);
  std::string body;
  for (int i = 1; i <= 1000; ++i) body += "{\"ID\":1}";
  const auto reply = http.Post("/v3/lease/keepalive", body);
  int turns = 0;
  for (; reply->answers == 0 && turns < 1000; ++turns) http.loop.RunOne();
  EXPECT_GT(turns, 10);
  EXPECT_EQ(std::count(reply->text.begin(), reply->text.end(), '\n'), 1000);
}

// A stream whose events the test holds.
struct HeldStream {
  explicit HeldStream(GatewayHarness& http, Call::Events events = {}) {
    http.methods.Add("/etcdserverpb.Watch/Watch", Method::Kind::kBidi,
                     [this, events](CallPtr started, std::string_view) {
                       call = std::move(started);
                       call->SetEvents(events);
                     });
  }
  CallPtr call;
};

TEST(GatewayTest, AClientThatGoesAwayEndsItsCall) {
  int ends = 0;
  GatewayHarness http;
  HeldStream stream(http, {.on_message = nullptr,
                           .on_half_close = nullptr,
                           .on_end = [&] { ++ends; },
                           .on_writable = nullptr});
  const auto reply = http.Post("/v3/watch", "{\"create_request\":{}}");
  http.loop.Run();
  reply->Gone();
  EXPECT_EQ(ends, 1);
  stream.call->Send({"", nullptr});
  stream.call->Finish(absl::OkStatus());
  EXPECT_EQ(reply->text, "");
  EXPECT_EQ(ends, 1);
  EXPECT_EQ(http.methods.Find("/etcdserverpb.Watch/Watch")->counts->handled[1], 1u);
}

TEST(GatewayTest, AnErrorMidStreamIsItsLastLine) {
  GatewayHarness http;
  HeldStream stream(http);
  const auto reply = http.Post("/v3/watch", "");
  stream.call->Send({"", nullptr});
  stream.call->Finish(absl::UnavailableError("etcdserver: no leader"));
  http.loop.Run();
  EXPECT_EQ(reply->head.status, 200);
  EXPECT_EQ(reply->text,
            "{\"result\":{}}\n{\"error\":{\"grpc_code\":14,\"http_code\":503,\"message\":"
            "\"etcdserver: no leader\",\"http_status\":\"Service Unavailable\",\"code\":14}}\n");
}

TEST(GatewayTest, AHandlerHearsWhenTheClientReadsOn) {
  int writable = 0;
  GatewayHarness http;
  HeldStream stream(http, {.on_message = nullptr,
                           .on_half_close = nullptr,
                           .on_end = nullptr,
                           .on_writable = [&] { ++writable; }});
  const auto reply = http.Post("/v3/watch", "");
  reply->held = true;
  etcdserverpb::WatchResponse response;
  response.set_cancel_reason(std::string(1000, 'r'));
  int sent = 0;
  while (stream.call->pending_bytes() <= Call::kHighWater) {
    ASSERT_LT(++sent, 2000);
    stream.call->Send(Body(response));
  }
  EXPECT_EQ(writable, 0);
  reply->TakeAll();
  EXPECT_EQ(writable, 1);
  EXPECT_EQ(stream.call->pending_bytes(), 0u);
  reply->TakeAll();
  EXPECT_EQ(writable, 1) << "once a time that it was above the mark";
}

TEST(GatewayTest, LargeMessagesAreTurnedBesideTheLoopAndKeepTheirOrder) {
  int writable = 0;
  GatewayHarness http;
  http.run_jobs_at_once = false;
  HeldStream stream(http, {.on_message = nullptr,
                           .on_half_close = nullptr,
                           .on_end = nullptr,
                           .on_writable = [&] { ++writable; }});
  const auto reply = http.Post("/v3/watch", "");
  etcdserverpb::WatchResponse large, small;
  large.set_cancel_reason(std::string(2 << 20, 'r'));
  small.set_watch_id(5);
  stream.call->Send(Body(large));
  stream.call->Send(Body(small));
  EXPECT_EQ(reply->text, "");
  EXPECT_EQ(http.jobs.size(), 1u);
  EXPECT_GT(stream.call->pending_bytes(), Call::kHighWater) << "it waits, too";
  http.RunJobs();
  EXPECT_TRUE(reply->text.ends_with("rrr\"}}\n{\"result\":{\"watch_id\":\"5\"}}\n"));
  EXPECT_EQ(writable, 1);
  stream.call->Send(Body(large));
  stream.call->Finish(absl::OkStatus());
  EXPECT_EQ(reply->answers, 0);
  http.RunJobs();
  EXPECT_EQ(reply->answers, 1) << "what was sent comes before the end";
}

TEST(GatewayTest, ALargeRequestAndAnAnswerInPartsAreOneMessageEach) {
  GatewayHarness http;
  http.run_jobs_at_once = false;
  size_t got = 0;
  RangeResponse response;
  for (int i = 0; i < 2000; ++i) response.add_kvs()->set_value(std::string(100, 'v'));
  http.methods.AddUnary<RangeRequest>(
      "/etcdserverpb.KV/Range", [&](CallPtr call, const RangeRequest& request, std::string_view) {
        got = request.key().size();
        const std::string bytes = response.SerializeAsString();
        for (size_t at = 0; at < bytes.size(); at += 50'000) {
          const std::string part = bytes.substr(at, 50'000);
          call->SendPart({part, nullptr}, bytes.size() - at - part.size());
          EXPECT_EQ(call->pending_bytes(), 0u) << "what is read whole is not paced";
        }
        call->Finish(absl::OkStatus());
      });
  const auto reply = http.Post("/v3/kv/range", "{\"key\":\"" + std::string(400'000, 'A') + "\"}");
  EXPECT_EQ(got, 0u);
  http.RunJobs();
  EXPECT_EQ(got, 300'000u);
  EXPECT_EQ(reply->answers, 1);
  EXPECT_GT(reply->text.size(), 200'000u);
  EXPECT_EQ(reply->head.status, 200);
}

// What is done has to be answered: the library that writes JSON ends at a depth of its own.
TEST(GatewayTest, TheDeepestTransactionIsAnsweredInJson) {
  std::string txn = R"({"success":[{"request_range":{"key":"YQ=="}}]})";
  etcdserverpb::TxnResponse response;
  response.add_responses()->mutable_response_range()->add_kvs()->set_key("a");
  for (int nested = 0; nested < kMaxNestedTxns; ++nested) {
    txn = R"({"success":[{"request_txn":)" + txn + "}]}";
    etcdserverpb::TxnResponse outer;
    *outer.add_responses()->mutable_response_txn() = std::move(response);
    response = std::move(outer);
  }
  GatewayHarness http;
  http.methods.AddUnary<etcdserverpb::TxnRequest>(
      "/etcdserverpb.KV/Txn",
      [&](CallPtr call, const etcdserverpb::TxnRequest& request, std::string_view) {
        EXPECT_EQ(Validate(request, 128), absl::OkStatus());
        Answer(*call, response);
      });
  const auto reply = http.Post("/v3/kv/txn", txn);
  EXPECT_EQ(reply->head.status, 200) << reply->text;
}

TEST(GatewayTest, AnAnswerOverTheLimitIsRefusedAtItsFirstPart) {
  int ends = 0;
  GatewayHarness http(2 << 20, /*max_answer=*/1000);
  http.methods.AddUnary<RangeRequest>("/etcdserverpb.KV/Range",
                                      [&](CallPtr call, const RangeRequest&, std::string_view) {
                                        call->SetEvents({.on_message = nullptr,
                                                         .on_half_close = nullptr,
                                                         .on_end = [&] { ++ends; },
                                                         .on_writable = nullptr});
                                        call->SendPart({std::string(10, 'v'), nullptr}, 991);
                                        call->SendPart({std::string(991, 'v'), nullptr}, 0);
                                        EXPECT_EQ(ends, 0) << "never from inside Send";
                                      });
  const auto reply = http.Post("/v3/kv/range", "{}");
  EXPECT_EQ(reply->head.status, 429);
  EXPECT_NE(reply->text.find("larger than max (1001 vs. 1000)"), std::string::npos);
  http.loop.Run();
  EXPECT_EQ(ends, 1);
}

TEST(GatewayTest, AClientThatIsGoneBeforeItsMessageIsReadStartsNoCall) {
  GatewayHarness http;
  http.run_jobs_at_once = false;
  int calls = 0;
  http.methods.AddUnary<PutRequest>("/etcdserverpb.KV/Put",
                                    [&](CallPtr, const PutRequest&, std::string_view) { ++calls; });
  const auto reply = http.Post("/v3/kv/put", "{\"key\":\"" + std::string(400'000, 'A') + "\"}");
  reply->Gone();
  http.RunJobs();
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace keelson::server
