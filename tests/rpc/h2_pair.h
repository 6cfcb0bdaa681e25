// An HTTP/2 client and the server's connection, joined in memory.
#pragma once

#include <string>

#include "tests/rpc/h2_client.h"
#include "tests/rpc/harness.h"

namespace keelson::server {

class H2Pair {
 public:
  explicit H2Pair(FrontEndOptions options = {}, bool auto_window = true)
      : server(std::move(options)), client(auto_window) {}

  // Moves bytes both ways until nobody has any.
  void Exchange() {
    server.Settle();
    for (;;) {
      const std::string up = client.TakeOutput();
      server.Deliver(up);
      const std::string down = server.TakeOutput();
      if (up.empty() && down.empty()) return;
      client.Receive(down);
    }
  }

  // A call with one request message, exchanged.
  StreamAnswer& Unary(std::string_view path, std::string_view message,
                      const FieldList& extra = {}) {
    const int32_t id = client.GrpcRequest(path, extra);
    client.Message(id, message, true);
    Exchange();
    return client.answer(id);
  }

  Harness server;
  H2Client client;
};

// Answers with the request message.
inline void AddEcho(TestMethods& methods) {
  methods.Add("/test.S/Echo", Method::Kind::kUnary,
              [](std::shared_ptr<Call> call, std::string_view request) {
                call->Send({std::string(request), nullptr});
                call->Finish(absl::OkStatus());
              });
}

}  // namespace keelson::server
