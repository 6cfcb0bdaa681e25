// The seam between the client's decisions and gRPC: addresses, methods and bytes, nothing else.
// Production binds it to grpc++ (grpc_transport.h), the unit tests to a scripted fake.
//
// Thread rule: the functions may be called on any thread; completions and events come on the
// scheduler's thread, one at a time. So no decision of the client ever runs on a thread of gRPC's,
// and nothing of the client is destroyed there.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/keelson/future.h"

namespace keelson::client::internal {

// How far an attempt got: the fact on which "may it be tried again?" rests.
enum class Reach {
  kNotSent,   // no byte of the request can have reached a member
  kSent,      // it may have reached one, and no member's answer came back
  kAnswered,  // the status is a member's answer
};

// Metadata of a request or an answer, keys in lower case.
using Metadata = std::vector<std::pair<std::string, std::string>>;

// The value of `key`; null if there is none.
const std::string* Find(const Metadata& metadata, std::string_view key);

struct CallEnd {
  absl::Status status = {};  // code and text as on the wire, or local ones
  Reach reach = Reach::kNotSent;
  std::string body = {};   // the answer, if the status is OK and the call was unary
  Metadata metadata = {};  // of the answer, if the call was unary
};

struct CallStart {
  std::string endpoint = {};  // "host:port"
  std::string method = {};    // "/etcdserverpb.KV/Range"
  Metadata metadata = {};
  absl::Duration timeout = absl::InfiniteDuration();
  // Of a unary call: its request ends the call, as Cancelled; null: nobody will.
  std::shared_ptr<Cancellation> cancellation = {};
};

// One open stream of answers, and of requests. After its end all functions do nothing.
class Stream {
 public:
  virtual ~Stream() = default;
  // Queues a message.
  virtual void Send(std::string message) = 0;
  // Queues the last message: the member then knows that the request is whole.
  virtual void SendLast(std::string message) = 0;
  // Asks for one more message: `on_message` comes once for each Read. Not reading holds the
  // server back.
  virtual void Read() = 0;
  // Ends the stream; `on_end` still comes.
  virtual void Cancel() = 0;
};

// Called in order; `on_end` once, last.
struct StreamEvents {
  std::function<void(std::string)> on_message = {};
  std::function<void(CallEnd)> on_end = {};
};

class Transport {
 public:
  virtual ~Transport() = default;

  // One request, one answer; `done` is called exactly once, never from inside Unary.
  virtual void Unary(CallStart start, std::string request, std::function<void(CallEnd)> done) = 0;

  virtual std::shared_ptr<Stream> OpenStream(CallStart start, StreamEvents events) = 0;
};

}  // namespace keelson::client::internal
