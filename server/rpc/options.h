// Limits and times of the front end. The defaults are those that etcd's clients expect.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace keelson::server {

class CallTimes;

struct FrontEndOptions {
  // The front end's clock; CallContext::deadline is on it. Must never go back.
  std::function<std::chrono::steady_clock::time_point()> now = [] {
    return std::chrono::steady_clock::now();
  };

  // The time of day for the Date of answers that are not gRPC; null: they have none.
  std::function<std::chrono::system_clock::time_point()> wall_clock = nullptr;

  // Hears how long each call took; null: nobody does. Outlives the front end.
  CallTimes* call_times = nullptr;

  // Connections open at once; one more is accepted and closed.
  size_t max_connections = 16384;

  // gRPC ----------------------------------------------------------------------------------------

  // The largest request message, without its 5-byte prefix.
  size_t max_receive_message_bytes = 2 << 20;
  // Streams open at once on one connection; etcd's default is no limit.
  uint32_t max_concurrent_streams = UINT32_MAX;
  // The header list of one request, by the rule of RFC 9113 section 6.5.2 (32 bytes a field extra).
  size_t max_header_list_bytes = 64 << 10;
  // Request bytes of one connection that are held for calls which have not taken them; a stream
  // that would pass it fails with ResourceExhausted.
  size_t max_buffered_request_bytes = 256 << 20;
  // Answer bytes of one connection that its client has not read; above it new requests fail with
  // ResourceExhausted until it reads on.
  size_t max_unread_answer_bytes = size_t{1} << 30;

  // From the first byte of a request's header list to its last.
  std::chrono::milliseconds http2_header_timeout = std::chrono::seconds(10);

  // What a client may send unread: on one stream, and on one connection.
  uint32_t stream_window_bytes = 256 << 10;
  uint32_t connection_window_bytes = 16 << 20;

  // Client pings closer than this, or any ping within two hours without a stream, are strikes; the
  // third ends the connection ("too_many_pings").
  std::chrono::milliseconds keepalive_min_time = std::chrono::seconds(5);
  bool keepalive_permit_without_stream = false;
  // After this long without a byte from the client we ping; no byte within the timeout then closes.
  std::chrono::milliseconds keepalive_interval = std::chrono::hours(2);
  std::chrono::milliseconds keepalive_timeout = std::chrono::seconds(20);

  // Token bucket against rapid reset: streams that the client resets or forces us to reset.
  uint64_t stream_reset_burst = 1000;
  uint64_t stream_reset_per_second = 200;

  // From accept to the first bytes that tell the protocol, and to HTTP/2's first SETTINGS.
  std::chrono::milliseconds preface_timeout = std::chrono::seconds(10);

  // Plain HTTP ----------------------------------------------------------------------------------

  // The largest request body. JSON takes a third more than the message it stands for.
  size_t max_http_body_bytes = 4 << 20;
  size_t http1_max_head_bytes = 64 << 10;
  // From the first byte of a request to the end of its head, and of its body.
  std::chrono::milliseconds http1_head_timeout = std::chrono::seconds(10);
  std::chrono::milliseconds http1_body_timeout = std::chrono::seconds(60);
  // Between two requests of a kept connection.
  std::chrono::milliseconds http1_idle_timeout = std::chrono::minutes(5);
};

// Counters since construction, and what is open now.
struct FrontEndStats {
  uint64_t connections_accepted = 0;
  uint64_t connections_refused = 0;  // over max_connections
  uint64_t connections_open = 0;
  uint64_t connections_struck = 0;  // ended for abuse: pings, resets, protocol errors
  uint64_t calls_started = 0;       // gRPC calls handed to a method
  uint64_t calls_open = 0;          // gRPC streams that have not ended
  uint64_t http_requests = 0;       // requests handed to HttpEndpoints
  uint64_t message_bytes_received = 0;
  uint64_t message_bytes_sent = 0;
};

}  // namespace keelson::server
