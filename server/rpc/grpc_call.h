// A gRPC call on an HTTP/2 stream: frames, deadline, metadata, status.
//
//                     Run: request or head complete          Finish
//   kWaiting ------------------------------------> kOpen -----------> kFinished
//      |  bad request, deadline: AnswerAndEnd        |                   |
//      +-----------------------------------> kOver <-+ stream closed     | stream closed
//                                              ^                         v
//                                              +-------------------------+
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "server/api/call.h"
#include "server/rpc/deadline_queue.h"
#include "server/rpc/http2_stream.h"
#include "server/rpc/message_deframer.h"
#include "server/rpc/session_context.h"

namespace keelson::server {

class GrpcCall final : public Call,
                       public StreamRole,
                       public std::enable_shared_from_this<GrpcCall>,
                       private DeadlineQueue::Entry {
 public:
  // Takes over the stream's head. REQUIRES: the stream's session outlives the stream, and OnClosed
  // comes before either is gone.
  GrpcCall(Http2Stream& stream, const Method& method);
  ~GrpcCall() override;

  const CallContext& context() const override { return caller_; }
  void SetEvents(Events events) override;
  void AddMetadata(std::string_view key, std::string_view value) override;
  void AddTrailer(std::string_view key, std::string_view value) override;
  void Send(SharedBody body) override { SendPart(std::move(body), 0); }
  void SendPart(SharedBody part, size_t rest) override;
  void Finish(const absl::Status& status) override;
  size_t pending_bytes() const override { return stream_ ? stream_->pending_bytes() : 0; }
  void PauseReading(bool paused) override;

  void OnData(std::string_view bytes) override;
  void OnHalfClose() override { half_closed_ = true; }
  void OnRoom() override { room_ = true; }
  void OnClosed() override;
  void Run() override;

 private:
  enum class State { kWaiting, kOpen, kFinished, kOver };

  bool takes_one_message() const {
    return method_.kind == Method::Kind::kUnary || method_.kind == Method::Kind::kServerStream;
  }
  bool live() const { return state_ == State::kWaiting || state_ == State::kOpen; }

  void OnDeadline() override;
  void StartWithRequest();
  void Start(std::string_view request);
  void DeliverMessages();
  void DeliverHalfClose();
  void AnswerAndEnd(const absl::Status& status);
  void Answer(const absl::Status& status);
  void TellEnd();
  void Conclude(State state);
  void CountEnd(int status);

  SessionContext& context_;
  Http2Stream* stream_;  // null once it is closed
  const Method& method_;
  CallContext caller_;
  MessageDeframer input_;
  Http2Stream::Fields metadata_;
  Http2Stream::Fields trailers_;
  Events events_;
  State state_ = State::kWaiting;
  bool has_events_ = false;
  bool counted_ = false;  // as started, and not yet as handled
  bool timed_ = false;
  DeadlineQueue::Time started_;  // where timed_
  bool responded_ = false;       // leading fields are out
  size_t rest_ = 0;              // of a message that is sent in parts
  bool half_closed_ = false;
  bool half_close_told_ = false;
  bool paused_ = false;
  bool room_ = false;
  bool flooded_ = false;  // the connection holds more request bytes than it may
};

}  // namespace keelson::server
