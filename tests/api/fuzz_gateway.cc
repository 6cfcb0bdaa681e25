// Arbitrary bytes to the JSON gateway over HTTP/1.1, raw or as the body of a well-formed POST:
// every cut of the bytes gives the same answers, whatever handlers are given can be decoded,
// nothing crashes, leaks or runs for ever. All in memory, without a node.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/view.h"
#include "proto/etcd/rpc.pb.h"
#include "server/api/gateway_routes.h"
#include "server/api/http_port.h"
#include "tests/api/gateway_harness.h"
#include "tests/rpc/harness.h"

namespace keelson::server {
namespace {

using CallPtr = std::shared_ptr<Call>;

template <typename Request>
Request Decoded(std::string_view bytes) {
  Request request;
  KEELSON_CHECK(request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())),
                "what the gateway makes of JSON is a message");
  return request;
}

// Handlers that answer in the ways real ones do, out of what they were asked.
void AddMethods(Methods& methods) {
  methods.Add("/etcdserverpb.KV/Put", Method::Kind::kUnary, [](CallPtr call, std::string_view m) {
    const auto request = Decoded<etcdserverpb::PutRequest>(m);
    if (request.key().empty()) return Answer(*call, absl::InvalidArgumentError(request.value()));
    etcdserverpb::PutResponse response;
    response.mutable_prev_kv()->set_key(request.key());
    response.mutable_prev_kv()->set_lease(request.lease());
    call->AddMetadata("a", call->context().Find("b").value_or("none"));
    Answer(*call, response);
  });
  methods.Add("/etcdserverpb.KV/Txn", Method::Kind::kUnary, [](CallPtr call, std::string_view m) {
    const auto request = Decoded<etcdserverpb::TxnRequest>(m);
    etcdserverpb::TxnResponse response;
    for (int i = 0; i < request.success_size(); ++i) response.add_responses();
    response.set_succeeded(request.compare_size() > 0);
    Answer(*call, response);
  });
  methods.Add("/etcdserverpb.Maintenance/Snapshot", Method::Kind::kServerStream,
              [](CallPtr call, std::string_view m) {
                Decoded<etcdserverpb::SnapshotRequest>(m);
                etcdserverpb::SnapshotResponse response;
                response.set_blob(std::string(1000, 'x'));
                for (int i = 0; i < 3; ++i) call->Send({response.SerializeAsString(), nullptr});
                call->Finish(absl::UnavailableError("x"));
              });
  for (const char* path : {"/etcdserverpb.Lease/LeaseKeepAlive", "/etcdserverpb.Watch/Watch"}) {
    const bool watch = std::string_view(path).ends_with("Watch");
    methods.Add(path, Method::Kind::kBidi, [watch](CallPtr call, std::string_view) {
      Call::Events events;
      events.on_message = [call, watch](std::string_view m) {
        if (watch) {
          etcdserverpb::WatchResponse response;
          response.set_cancel_reason(
              Decoded<etcdserverpb::WatchRequest>(m).create_request().key().size() > 3 ? "long"
                                                                                       : "");
          return call->Send({response.SerializeAsString(), nullptr});
        }
        etcdserverpb::LeaseKeepAliveResponse response;
        response.set_id(Decoded<etcdserverpb::LeaseKeepAliveRequest>(m).id());
        if (response.id() == 7) return call->Finish(absl::NotFoundError("seven"));
        call->Send({response.SerializeAsString(), nullptr});
      };
      if (!watch) events.on_half_close = [call] { call->Finish(absl::OkStatus()); };
      call->SetEvents(std::move(events));
    });
  }
}

// All that a server says to `input`, delivered in such cuts.
std::string AnswersTo(std::string_view input, size_t cut) {
  GatewayHarness gateway(/*max_request=*/5000, /*max_answer=*/5000);
  AddMethods(gateway.methods);
  TestEndpoints rest;
  HttpPort port({}, &gateway.gateway, rest);
  std::string output;
  {
    Harness server({.max_http_body_bytes = 10'000, .http1_max_head_bytes = 2000});
    server.endpoints.on_request = [&](const HttpRequest& request,
                                      std::shared_ptr<HttpReply> reply) {
      port.Handle(request, std::move(reply));
    };
    while (!input.empty()) {
      const std::string_view part = input.substr(0, cut);
      input.remove_prefix(part.size());
      server.Deliver(part);
      while (gateway.loop.waiting() > 0) {
        gateway.loop.Run();
        server.Settle();
      }
    }
    output = server.TakeOutput();
    server.DeliverEof();
    gateway.loop.Run();
  }
  gateway.loop.Run();
  return output;
}

// A POST to one of the gateway's paths with the rest as its body, whole or in two chunks.
std::string PostOf(std::string_view rest) {
  const auto routes = GatewayRoutes();
  const auto choice = static_cast<uint8_t>(rest[0]);
  // Mostly those that have a handler.
  constexpr std::array<std::string_view, 5> kServed = {"/v3/kv/put", "/v3/kv/txn", "/v3/watch",
                                                       "/v3beta/lease/keepalive",
                                                       "/v3/maintenance/snapshot"};
  const std::string path(choice < 200 ? kServed[choice % kServed.size()]
                                      : routes[choice % routes.size()].path);
  rest.remove_prefix(1);
  std::string post = "POST " + path + " HTTP/1.1\r\nHost: a\r\nGrpc-Metadata-B: c\r\n";
  if (choice % 2 == 0) {
    return post + "Content-Length: " + std::to_string(rest.size()) + "\r\n\r\n" + std::string(rest);
  }
  post += "Transfer-Encoding: chunked\r\n\r\n";
  for (const std::string_view chunk :
       {rest.substr(0, rest.size() / 2), rest.substr(rest.size() / 2)}) {
    if (chunk.empty()) continue;
    post += absl::StrCat(absl::Hex(chunk.size()), "\r\n", ToAbsl(chunk), "\r\n");
  }
  return post + "0\r\n\r\n";
}

}  // namespace
}  // namespace keelson::server

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace keelson::server;
  if (size < 3) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string bytes = (data[0] & 3) == 0 ? std::string(input) : PostOf(input);
  if (bytes.starts_with("PRI")) return 0;  // HTTP/2 has a target of its own
  const std::string whole = AnswersTo(bytes, SIZE_MAX);
  KEELSON_CHECK(whole == AnswersTo(bytes, 1 + data[1] % 64),
                "the cut of the bytes does not matter");
  return 0;
}
