// One request to the JSON gateway as a call: handlers don't know it from one over gRPC.
//
//                     first message decoded          Finish                 the answer is written
//   kWaiting ---------------------------> kOpen ---------------> kFinished ------------------>
//   kOver
//      |  no such message                  |  too large an answer      |  client gone            ^
//      +-----------------------------------+---------------------------+-------------------------+
//
// Messages are turned from and into JSON one after the other; large ones beside the loop. The
// messages that a handler sends wait for that in a queue, which counts as pending.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/api/call.h"
#include "server/api/call_times.h"
#include "server/api/http.h"
#include "server/api/json_codec.h"
#include "server/api/json_messages.h"
#include "server/node/seams.h"

namespace keelson::server {

struct GatewayOptions {
  Loop& loop;
  // Runs `work` beside the loop, then `done` on it.
  std::function<void(std::function<void()> work, std::function<void()> done)> run_beside;
  size_t max_request_bytes = 2 << 20;  // of a message, not of its JSON
  size_t max_answer_bytes = 64 << 20;  // of a message; JSON can't be sent before it is whole
  size_t max_held_bytes = 256 << 20;   // of all messages that wait to be turned into JSON
  // Hears how long each call took; null: nobody does. Outlives the calls.
  CallTimes* call_times = nullptr;
};

// What all calls of a gateway share; the last of them may outlive it. The codec is also used beside
// the loop.
struct GatewayWorld {
  explicit GatewayWorld(GatewayOptions options_in) : options(std::move(options_in)) {}

  const GatewayOptions options;
  const JsonCodec codec;
  size_t held_bytes = 0;
};

// Loop thread only.
class GatewayCall final : public Call, public std::enable_shared_from_this<GatewayCall> {
 public:
  // What outlives the call, until it is over: the method, and the types of its messages.
  struct Target {
    const Method& method;
    std::string_view request_type;
    std::string_view response_type;
  };
  GatewayCall(std::shared_ptr<GatewayWorld> world, const Target& target, CallContext caller,
              const HttpRequest& request, std::shared_ptr<HttpReply> reply);
  ~GatewayCall() override;

  // REQUIRES: inside HttpEndpoints::Handle, once.
  void Begin();

  const CallContext& context() const override { return caller_; }
  void SetEvents(Events events) override;
  void AddMetadata(std::string_view key, std::string_view value) override;
  void AddTrailer(std::string_view key, std::string_view value) override;
  void Send(SharedBody body) override { SendPart(std::move(body), 0); }
  void SendPart(SharedBody part, size_t rest) override;
  void Finish(const absl::Status& status) override;
  size_t pending_bytes() const override;
  void PauseReading(bool paused) override;

 private:
  enum class State { kWaiting, kOpen, kFinished, kOver };
  using Transcoded = std::function<void(absl::StatusOr<std::string>)>;

  // In the parts in which it came: large ones are joined beside the loop.
  struct Message {
    std::vector<SharedBody> parts;
    size_t size = 0;
    std::string Join() const;
  };

  bool takes_one_message() const {
    return target_.method.kind == Method::Kind::kUnary ||
           target_.method.kind == Method::Kind::kServerStream;
  }
  bool is_stream() const { return target_.method.kind != Method::Kind::kUnary; }
  bool live() const { return state_ == State::kWaiting || state_ == State::kOpen; }

  // The way in.
  void StartWithRequest();
  void Start(std::string_view request);
  void Schedule();
  void Deliver();
  bool DeliverNext(size_t* bytes);
  void OnDecoded(const absl::StatusOr<std::string>& message);
  void DeliverHalfClose();
  void Decode(std::string_view json, Transcoded done);

  // The way out.
  bool Admit(size_t message_bytes);
  void EncodeNext();
  void Encode(Message message, Transcoded done);
  void OnEncoded(absl::StatusOr<std::string> json);
  void WriteLine(std::string line);
  void Conclude();
  void AnswerAndEnd(const absl::Status& status);
  void AnswerError(const absl::Status& status);
  void OnGone();
  void OnRoom();
  void LetGoOfEvents(bool tell_end);
  void Hold(size_t bytes);
  void LetGo(size_t bytes);
  void CountEnd(int status);
  HttpResponse Head() const;
  void AddMetadataTo(HttpResponse* response) const;

  const std::shared_ptr<GatewayWorld> world_;
  const Target target_;
  CallContext caller_;
  std::shared_ptr<HttpReply> reply_;
  JsonMessages input_;
  Events events_;
  State state_ = State::kWaiting;
  bool has_events_ = false;
  bool scheduled_ = false;
  bool decoding_ = false;
  bool paused_ = false;
  bool half_close_told_ = false;
  bool counted_ = false;  // as started, and not yet as handled
  uint64_t started_micros_ = 0;

  std::vector<std::pair<std::string, std::string>> metadata_;
  std::vector<std::pair<std::string, std::string>> trailers_;
  Message message_;            // what has come of one that is sent in parts
  size_t rest_ = 0;            // of it
  std::deque<Message> queue_;  // messages to be turned into JSON
  size_t queued_bytes_ = 0;    // the one under way included
  size_t held_bytes_ = 0;
  bool encoding_ = false;
  bool begun_ = false;  // the answer
  bool above_high_water_ = false;
  absl::Status status_;  // the handler's, once it has finished
};

}  // namespace keelson::server
