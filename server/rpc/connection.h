// One accepted connection: finds out which protocol it speaks, then moves bytes between its
// transport and its session.
//
//            Start               OnBytes: protocol known              Flush: session finished
//  (new) ------------> kSniffing ------------------------> kServing --------------------------+
//                          |  timeout, EOF                    | OnBroken                       v
//                          +------------> kClosed <-----------+<------- EOF, timeout ----
//                          kLingering
//
// kLingering reads and drops what the peer still sends for a moment, so that our last words are not
// lost to a reset.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "server/rpc/deadline_queue.h"
#include "server/rpc/output_queue.h"
#include "server/rpc/session.h"
#include "server/rpc/session_context.h"
#include "server/rpc/transport.h"

namespace keelson::server {

class Connection;

// What a connection asks of the front end.
class ConnectionHost {
 public:
  // Call connection.Flush() before the turn ends. Comes at most once until then.
  virtual void MarkDirty(Connection& connection) = 0;
  // The connection is closed; it may be destroyed later, not inside the call.
  virtual void OnClosed(Connection& connection) = 0;

 protected:
  ~ConnectionHost() = default;
};

class Connection final : public SessionHost,
                         public Transport::Listener,
                         private DeadlineQueue::Entry {
 public:
  // `context` and `host` must outlive the connection.
  Connection(SessionContext& context, ConnectionHost& host, std::shared_ptr<Transport> transport);
  ~Connection();

  void Start();

  // Runs handlers on what came in and writes what is ready, with one write.
  void Flush();

  // Takes no new requests; closes when the open ones are answered.
  void Drain();

  // Ends everything now. Calls OnClosed unless closed already.
  void Close();

  bool closed() const { return state_ == State::kClosed; }

  // Where the front end keeps it.
  size_t index = 0;

  void Wake() override;
  void OnBytes(std::string_view bytes) override;
  void OnEof() override;
  void OnBroken() override;
  void OnWritable() override;

 private:
  enum class State { kSniffing, kServing, kLingering, kClosed };

  void OnDeadline() override;
  bool Sniff(std::string_view* bytes);
  void WriteOutput();
  void ArmRead();
  void BeginLinger();
  void AwaitPeerClose();

  SessionContext& context_;
  ConnectionHost& host_;
  const std::shared_ptr<Transport> transport_;
  State state_ = State::kSniffing;
  std::string sniffed_;  // bytes that do not tell the protocol yet
  std::unique_ptr<Session> session_;
  OutputQueue out_;
  bool draining_ = false;
  bool dirty_ = false;
  bool reading_ = false;
  bool eof_ = false;
  bool write_blocked_ = false;
  size_t lingered_bytes_ = 0;
};

}  // namespace keelson::server
