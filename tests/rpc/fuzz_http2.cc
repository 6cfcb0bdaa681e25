// Arbitrary bytes into a connection: behind an HTTP/2 preface, or raw (the first byte chooses).
// The handlers answer in the ways real ones do; nothing may crash, leak or run for ever.
#include <cstdint>
#include <string_view>

#include "tests/rpc/h2_client.h"
#include "tests/rpc/harness.h"

namespace keelson::server {
namespace {

void AddMethods(TestMethods& methods) {
  methods.Add("/s/u", Method::Kind::kUnary, [](std::shared_ptr<Call> call, std::string_view m) {
    call->AddMetadata("a", m);
    call->Send({std::string(m), nullptr});
    call->Finish(absl::OkStatus());
  });
  methods.Add("/s/d", Method::Kind::kServerStream,
              [](std::shared_ptr<Call> call, std::string_view) {
                for (int i = 0; i < 5; ++i) call->Send({std::string(30'000, 'x'), nullptr});
                call->Finish(absl::NotFoundError("x"));
              });
  methods.Add("/s/b", Method::Kind::kBidi, [](std::shared_ptr<Call> call, std::string_view) {
    Call* raw = call.get();
    raw->SetEvents({.on_message =
                        [call](std::string_view m) {
                          call->Send({std::string(m), nullptr});
                          if (m == "p") call->PauseReading(true);
                          if (m == "f") call->Finish(absl::OkStatus());
                        },
                    .on_half_close = [call] { call->Finish(absl::OkStatus()); },
                    .on_end = [call] { call->Finish(absl::OkStatus()); },
                    .on_writable = {}});
  });
}

// Reads `recipe` as a list of frames (type, flags, stream, length, payload), so that lengths are
// always right and more of the input gets past the frame layer.
std::string FramesOf(std::string_view recipe) {
  std::string out;
  while (recipe.size() >= 4) {
    const auto stream = static_cast<uint8_t>(recipe[2]);
    const std::string_view payload = recipe.substr(4, static_cast<uint8_t>(recipe[3]));
    out += RawFrame(static_cast<uint8_t>(recipe[0] & 15), static_cast<uint8_t>(recipe[1]), stream,
                    payload);
    recipe.remove_prefix(4 + payload.size());
  }
  return out;
}

void Run(std::string_view input) {
  const auto mode = static_cast<uint8_t>(input[0]);
  const auto cut = static_cast<uint8_t>(input[1]);
  input.remove_prefix(2);
  const std::string frames = (mode & 32) != 0 ? FramesOf(input) : std::string(input);
  Harness server({.max_receive_message_bytes = 10'000, .max_header_list_bytes = 4096});
  AddMethods(server.methods);
  if ((mode & 4) != 0) server.transport->capacity = 1000;
  if ((mode & 1) == 0) {
    server.Deliver(RawPreface());
    if ((mode & 2) == 0) {
      server.Deliver(RawFrame(1, 4, 1, RawHeaderBlock(GrpcFields("/s/b"))) +
                     RawFrame(1, 4, 3, RawHeaderBlock(GrpcFields("/s/u"))) +
                     RawFrame(1, 4, 5, RawHeaderBlock(GrpcFields("/s/d"))));
    }
  }
  server.Deliver(frames, cut == 0 ? SIZE_MAX : cut);
  server.transport->Unblock(SIZE_MAX);
  server.Settle();
  if ((mode & 8) != 0) server.connection->Drain();
  server.Settle();
  server.Advance(std::chrono::seconds(10));
  if ((mode & 16) != 0) server.DeliverEof();
  server.Advance(std::chrono::hours(2));
}

}  // namespace
}  // namespace keelson::server

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size >= 2) keelson::server::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
