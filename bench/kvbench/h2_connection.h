// The client half of one HTTP/2 connection that carries gRPC calls: bytes in, bytes out, no socket.
//
// nghttp2 does header decompression; the frames are our own because a full session object per call
// costs several times what the rest of the generator does, and the generator shares its cores with
// the servers it measures.
//
//   Open() -> [open] --Send()*--> half-closed by us --trailers--> OnClosed (stream forgotten)
//               |                                  --RST_STREAM--> OnClosed
//               +--Cancel()--> forgotten, no OnClosed
//   connection broken --FailAll()--> OnClosed for every stream
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "bench/kvbench/grpc_reader.h"
#include "bench/kvbench/grpc_status.h"
#include "bench/kvbench/h2_frame.h"
#include "bench/kvbench/hpack.h"
#include "bench/kvbench/wire.h"

namespace keelson::kvbench {

// Receives what arrives on the streams of a connection. May call Open, Send and Cancel.
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  // One whole gRPC message. The view is valid during the call.
  virtual void OnMessage(uint64_t tag, std::string_view message) = 0;
  // A piece of a message of a stream opened with `chunked`.
  virtual void OnChunk(uint64_t tag, std::string_view part) = 0;
  // The call is over; the stream is forgotten already.
  virtual void OnClosed(uint64_t tag, const GrpcStatus& status) = 0;
};

struct Call {
  Method method = Method::kPut;
  uint64_t tag = 0;        // given back to the handler
  bool half_close = true;  // false: more messages will be sent
  bool chunked = false;    // deliver messages as OnChunk pieces instead of whole
};

// Used by one thread.
class H2Connection {
 public:
  // `handler` outlives the connection.
  H2Connection(std::string authority, StreamHandler* handler);

  // False while the peer's stream limit is reached or after GOAWAY.
  bool CanOpen() const;
  bool going_away() const { return going_away_; }
  size_t open_streams() const { return streams_.size(); }

  // Starts a call with its first message; returns the stream id. REQUIRES: CanOpen().
  uint32_t Open(const Call& call, std::string_view message);
  // Another message on a stream opened without half_close; ignored if the stream is gone.
  void Send(uint32_t stream, std::string_view message);
  void Cancel(uint32_t stream);

  // Takes received bytes; returns how many were used (the rest is an incomplete frame that must be
  // presented again with more). An error means that the connection is unusable.
  absl::StatusOr<size_t> Feed(std::string_view bytes);

  // Ends every stream with `status`.
  void FailAll(const GrpcStatus& status);

  // Bytes to be written to the socket.
  std::string& output() { return output_; }

 private:
  struct Stream {
    uint64_t tag = 0;
    bool chunked = false;
    int64_t send_window = 0;
    uint64_t unacked_bytes = 0;
    int http_status = 0;
    GrpcReader reader;
  };
  struct Blocked {
    uint32_t stream = 0;
    bool end = false;
    std::string bytes;  // with the gRPC prefix
    size_t sent = 0;
  };

  void SendMessage(uint32_t id, Stream& stream, std::string_view message, bool end);
  void Pump();
  absl::Status OnFrame(h2::Type type, uint8_t flags, uint32_t id, std::string_view payload);
  absl::Status OnData(uint8_t flags, uint32_t id, std::string_view payload);
  absl::Status OnHeaders(uint8_t flags, uint32_t id, std::string_view payload);
  absl::Status OnHeaderBlock(uint32_t id, bool end_stream, std::string_view block);
  absl::Status OnSettings(uint8_t flags, std::string_view payload);
  absl::Status OnWindowUpdate(uint32_t id, std::string_view payload);
  void OnGoAway(std::string_view payload);
  void ApplySetting(uint16_t id, uint32_t value);
  void Deliver(uint32_t id, std::string_view bytes);
  void AckReceived(uint32_t id, size_t bytes);
  void Close(uint32_t id, const GrpcStatus& status);

  StreamHandler* const handler_;
  RequestHeaders request_headers_;
  ResponseHeaderDecoder response_headers_;
  absl::flat_hash_map<uint32_t, Stream> streams_;
  std::deque<Blocked> blocked_;
  std::string output_;
  std::string scratch_;       // the message being delivered, if it came in several frames
  std::string header_block_;  // HEADERS waiting for CONTINUATION
  uint32_t header_stream_ = 0;
  bool header_end_stream_ = false;
  uint32_t next_stream_ = 1;
  int64_t send_window_;
  int64_t peer_initial_window_;
  uint32_t peer_max_frame_;
  uint32_t peer_max_streams_ = UINT32_MAX;
  uint64_t unacked_bytes_ = 0;
  bool going_away_ = false;
};

}  // namespace keelson::kvbench
