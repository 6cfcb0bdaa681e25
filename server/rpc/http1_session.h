// The server side of one HTTP/1.1 connection: one request at a time, answered in order.
//
//   kReading --request whole--> kAsking --Respond--------> kReading   (kept alive)
//      |                           | Begin    ^ End
//      |                           v          |
//      |                        kStreaming ---+
//      |  malformed, timeout       |  the client shut its side       (or to be closed:)
//      +---------------------------+-------------------------> kEnding
//
// A client that shuts its side still gets a whole answer; one that comes in parts ends there, for
// it may never end by itself.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "server/api/http.h"
#include "server/rpc/deadline_queue.h"
#include "server/rpc/http1_parser.h"
#include "server/rpc/session.h"
#include "server/rpc/session_context.h"
#include "server/rpc/stream_body.h"

namespace keelson::server {

class Http1Session final : public Session, private DeadlineQueue::Entry {
 public:
  // `context` and `host` must outlive the session.
  Http1Session(SessionContext& context, SessionHost& host, std::string peer);
  ~Http1Session() override;

  void Receive(std::string_view bytes) override;
  void ReceiveEof() override;
  void Run() override;
  void Produce(OutputQueue& out, size_t budget) override;
  bool wants_read() const override;
  bool wants_write() const override {
    return !output_.empty() || (state_ == State::kReading && !input_.empty());
  }
  bool finished() const override { return state_ == State::kEnding && output_.empty(); }
  void Drain() override;
  void Abort() override;

 private:
  enum class State { kReading, kAsking, kStreaming, kEnding };

  class Reply;

  void OnDeadline() override;
  void ArmDeadline();
  void Ask();
  void Respond(HttpResponse response);
  void Begin(const HttpResponse& head);
  void Write(std::string bytes);
  void End();
  void FinishAnswer();
  void DropReply();
  void AnswerError(int status, std::string_view why);
  void WriteWhole(HttpResponse response, bool mute, bool keep_alive);
  // `framing` is the field that tells where the body ends.
  void WriteHead(const HttpResponse& head, std::string_view framing, bool keep_alive);
  bool head_only() const { return parser_.request().method == "HEAD"; }

  SessionContext& context_;
  SessionHost& host_;
  const std::string peer_;
  Http1Parser parser_;
  State state_ = State::kReading;
  std::string input_;  // received, not yet parsed
  StreamBody output_;
  std::shared_ptr<Reply> reply_;  // to the request that is being answered
  bool answered_ = false;         // the parser's request is
  bool keep_alive_ = false;       // behind the answer under way
  bool chunked_ = false;          // it is
  bool mute_ = false;             // it has no body
  bool above_high_water_ = false;
  bool room_ = false;
  bool eof_ = false;
  bool draining_ = false;
};

}  // namespace keelson::server
