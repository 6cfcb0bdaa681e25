// The front end's ceiling: KV.Put that parses the request, serializes an answer and does nothing.
// Usage: noop_server HOST:PORT. Ends on SIGINT or SIGTERM.
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "proto/etcd/rpc.pb.h"
#include "server/rpc/front_end.h"

namespace keelson::server {
namespace {

class NoopMethods final : public MethodTable {
 public:
  NoopMethods() {
    put_.path = "/etcdserverpb.KV/Put";
    put_.start = [this](std::shared_ptr<Call> call, std::string_view request) {
      Put(*call, request);
    };
  }

  const Method* Find(std::string_view path) const override {
    return path == put_.path ? &put_ : nullptr;
  }
  bool HasService(std::string_view path) const override {
    return path.starts_with("/etcdserverpb.KV/");
  }

 private:
  void Put(Call& call, std::string_view bytes) {
    etcdserverpb::PutRequest request;
    if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return call.Finish(absl::InternalError("grpc: error unmarshalling request"));
    }
    etcdserverpb::PutResponse response;
    etcdserverpb::ResponseHeader* header = response.mutable_header();
    header->set_cluster_id(0x1234567890abcdef);
    header->set_member_id(0x0fedcba098765432);
    header->set_revision(++revision_);
    header->set_raft_term(7);
    SharedBody body;
    response.SerializeToString(&body.head);
    call.Send(std::move(body));
    call.Finish(absl::OkStatus());
  }

  Method put_;
  int64_t revision_ = 0;
};

class NoEndpoints final : public HttpEndpoints {
 public:
  void Handle(const HttpRequest&, std::shared_ptr<HttpReply> reply) override {
    reply->Respond({.status = 404, .body = "404 page not found\n", .headers = {}});
  }
};

int Main(const std::string& endpoint) {
  asio::io_context loop(1);
  NoopMethods methods;
  NoEndpoints endpoints;
  FrontEnd front_end(loop, FrontEndOptions(), methods, endpoints);
  if (const absl::Status status = front_end.Listen(endpoint); !status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  std::printf("listening on %s\n", front_end.addresses().front().c_str());
  std::fflush(stdout);
  asio::signal_set signals(loop, SIGINT, SIGTERM);
  signals.async_wait([&](const asio::error_code&, int) {
    front_end.Shutdown(std::chrono::milliseconds(500), [&] { loop.stop(); });
  });
  loop.run();
  return 0;
}

}  // namespace
}  // namespace keelson::server

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: noop_server HOST:PORT\n");
    return 2;
  }
  return keelson::server::Main(argv[1]);
}
