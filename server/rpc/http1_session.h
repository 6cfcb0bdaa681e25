// The server side of one HTTP/1.1 connection: one request at a time, answered in order.
//
//   kReading --request whole--> kAsking --respond--> kReading        (kept alive)
//      |  malformed, timeout       +---respond---> kEnding           (to be closed)
//      +------------------------------------------^
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "server/api/call.h"
#include "server/rpc/deadline_queue.h"
#include "server/rpc/http1_parser.h"
#include "server/rpc/session.h"
#include "server/rpc/session_context.h"

namespace keelson::server {

class Http1Session final : public Session, private DeadlineQueue::Entry {
 public:
  // `context` and `host` must outlive the session.
  Http1Session(SessionContext& context, SessionHost& host);
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
  enum class State { kReading, kAsking, kEnding };

  // Links a pending answer to the session for as long as both want it.
  struct Ticket {
    Http1Session* session;
  };

  void OnDeadline() override;
  void ArmDeadline();
  void Ask();
  void OnResponse(const HttpResponse& response);
  void AnswerError(int status, std::string_view why);
  void WriteResponse(const HttpResponse& response, bool bodiless, bool keep_alive);

  SessionContext& context_;
  SessionHost& host_;
  Http1Parser parser_;
  State state_ = State::kReading;
  std::string input_;  // received, not yet parsed
  std::string output_;
  std::shared_ptr<Ticket> ticket_;  // of the request that is being answered
  bool answered_ = false;           // the parser's request is
  bool eof_ = false;
  bool draining_ = false;
};

}  // namespace keelson::server
