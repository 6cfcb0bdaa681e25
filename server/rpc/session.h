// A protocol machine over bytes: HTTP/2 or HTTP/1.1 on one connection, without a socket.
//
//   Receive -> Run (handlers are called here) -> Produce (what they queued becomes bytes)
#pragma once

#include <cstddef>
#include <string_view>

#include "server/rpc/output_queue.h"

namespace keelson::server {

// What a session asks of the connection it lives on.
class SessionHost {
 public:
  // There is work for Run or Produce: let both be called before the loop's turn ends.
  virtual void Wake() = 0;

 protected:
  ~SessionHost() = default;
};

// One thread. Handlers are called by Run, by a deadline and by Abort, never by another method.
class Session {
 public:
  virtual ~Session() = default;

  virtual void Receive(std::string_view bytes) = 0;
  // The peer will send nothing more.
  virtual void ReceiveEof() = 0;

  // Delivers to handlers what Receive and Produce have found.
  virtual void Run() = 0;

  // Appends output until `out` holds about `budget` bytes or there is nothing left to say.
  virtual void Produce(OutputQueue& out, size_t budget) = 0;

  virtual bool wants_read() const = 0;
  // Produce would append something.
  virtual bool wants_write() const = 0;
  // Nothing more will be said or heard: the connection may close once its output is written.
  virtual bool finished() const = 0;

  // Takes no new requests and finishes when the open ones have.
  virtual void Drain() = 0;

  // The connection is gone: ends all requests. Nothing else is called after it.
  virtual void Abort() = 0;
};

}  // namespace keelson::server
