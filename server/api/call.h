// One RPC as a handler sees it: a request, a caller, a responder, and no transport.
//
// The gRPC front end, the JSON gateway and the tests each implement Call; handlers in server/api
// only use it. Bodies are serialized protobuf messages without gRPC's 5-byte prefix.
//
// Thread rule: everything here is called on the loop thread only. A Call never calls back into a
// handler from inside Send or Finish.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace keelson::server {

// A message body that several streams may share: `head` is this stream's own bytes, `tail` the
// shared ones; on the wire they are one message, head first. Either may be empty.
struct SharedBody {
  std::string head;
  std::shared_ptr<const std::string> tail;
  size_t size() const { return head.size() + (tail ? tail->size() : 0); }
};

// Who a caller has proved to be.
struct CallerIdentity {
  std::string user;
  bool root = false;  // has the role root
};

// Who asks, and on which conditions. Valid as long as the Call.
struct CallContext {
  std::string_view method;  // "/etcdserverpb.KV/Put"
  std::string peer;         // "127.0.0.1:43210"
  // Request metadata, keys in lower case, in the order received. Reserved keys (":path", "te",
  // "content-type", "grpc-timeout", ...) are not in it.
  std::vector<std::pair<std::string, std::string>> metadata;
  // None where nobody was asked to prove anything.
  std::optional<CallerIdentity> identity = std::nullopt;
  // When the caller gives up, on the front end's monotonic clock.
  std::optional<std::chrono::steady_clock::time_point> deadline;

  // The first value of `key` (lower case), or nullopt.
  std::optional<std::string_view> Find(std::string_view key) const {
    for (const auto& [name, value] : metadata) {
      if (name == key) return value;
    }
    return std::nullopt;
  }
};

class Call {
 public:
  // What a handler wants to hear of its call. Unset functions are skipped. After `on_end` nothing
  // is called any more. Setting the events replays what came in before, in order.
  struct Events {
    // One whole request message. The view is valid during the call only.
    std::function<void(std::string_view)> on_message;
    // The client will send no further message.
    std::function<void()> on_half_close;
    // The call is over without our Finish: cancelled, deadline passed (the front end has answered
    // DeadlineExceeded "context deadline exceeded"), or the connection is gone. Send and Finish
    // do nothing from now on.
    std::function<void()> on_end;
    // pending_bytes() fell below the low-water mark after it had reached the high-water mark.
    std::function<void()> on_writable;
  };

  virtual ~Call() = default;

  virtual const CallContext& context() const = 0;

  // REQUIRES: called at most once, on the loop thread.
  virtual void SetEvents(Events events) = 0;

  // Adds a pair to the answer's leading metadata. REQUIRES: before the first Send and Finish.
  virtual void AddMetadata(std::string_view key, std::string_view value) = 0;

  // Adds a pair to the trailing metadata. REQUIRES: before Finish.
  virtual void AddTrailer(std::string_view key, std::string_view value) = 0;

  // Queues one answer message. Messages of a call leave in order; never blocks.
  virtual void Send(SharedBody body) = 0;

  // Queues the next part of an answer message of which `rest` bytes are still to come, in further
  // calls of SendPart; 0 ends the message. Handlers of large answers send the next part once
  // pending_bytes() is below the high-water mark. REQUIRES: the sizes add up; no Send in between.
  virtual void SendPart(SharedBody part, size_t rest) = 0;

  // Ends the call with a status; OK after at least one Send for unary calls. No Send after it.
  virtual void Finish(const absl::Status& status) = 0;

  // Bytes queued by Send that the connection has not taken yet. Handlers that stream stop sending
  // above kHighWater and go on at on_writable.
  virtual size_t pending_bytes() const = 0;

  // Stops (true) or resumes (false) the delivery of request messages; flow control then holds the
  // client back.
  virtual void PauseReading(bool paused) = 0;

  static constexpr size_t kHighWater = 1 << 20;
  static constexpr size_t kLowWater = 256 << 10;
};

// Calls of one method, for monitoring.
struct MethodCounts {
  uint64_t started = 0;
  std::array<uint64_t, 17> handled{};  // ended, by the number of the status
  uint64_t messages_received = 0;
  uint64_t messages_sent = 0;

  void Handled(int status) {
    const auto code = static_cast<size_t>(status);
    ++handled[code < handled.size() ? code : 2];  // what is no status is Unknown
  }
};

// A method of a service. The registry that server/api fills and the front ends look up.
struct Method {
  enum class Kind { kUnary, kServerStream, kClientStream, kBidi };
  std::string_view path;  // "/etcdserverpb.KV/Put"
  Kind kind = Kind::kUnary;
  // Starts a call. For kUnary and kServerStream the front end has received the whole request (one
  // message exactly) and passes it as `request`, valid during the call only; for the others
  // `request` is empty and messages come through Events.
  std::function<void(std::shared_ptr<Call> call, std::string_view request)> start;
  // The front ends count here; null: nobody counts.
  MethodCounts* counts = nullptr;
};

// Finds the method for a path; null if there is none.
class MethodTable {
 public:
  virtual ~MethodTable() = default;
  virtual const Method* Find(std::string_view path) const = 0;
  // Whether the service part of `path` ("/pkg.Service/") is known: an unknown method of a known
  // service and an unknown service have different texts on the wire.
  virtual bool HasService(std::string_view path) const = 0;
};

}  // namespace keelson::server
