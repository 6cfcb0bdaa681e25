// The seam between a connection and what carries its bytes: TCP now, TLS over TCP later, memory in
// tests and fuzz targets. A TLS transport wraps another one: it decrypts what OnBytes brings and
// encrypts what Write takes; nothing above this seam changes.
#pragma once

#include <string>
#include <string_view>

#include "server/rpc/output_queue.h"

namespace keelson::server {

class Transport {
 public:
  // What the connection hears. Never called from inside a method of Transport.
  class Listener {
   public:
    // Bytes came in after ReadOnce. Valid until the next ReadOnce.
    virtual void OnBytes(std::string_view bytes) = 0;
    // The peer will send no more; it may still read.
    virtual void OnEof() = 0;
    // The peer is gone, in both directions.
    virtual void OnBroken() = 0;
    // After a Write that did not take everything: it is worth trying again.
    virtual void OnWritable() = 0;

   protected:
    ~Listener() = default;
  };

  virtual ~Transport() = default;

  // Who hears of events from now on; null for nobody.
  virtual void SetListener(Listener* listener) = 0;

  // Asks for one OnBytes, OnEof or OnBroken; ends the validity of the bytes of the last OnBytes.
  // REQUIRES: none is outstanding.
  virtual void ReadOnce() = 0;

  // Takes bytes from the front of `out` with one system call (more only beyond 64 pieces). True if
  // it took all; if not, OnWritable or OnBroken follows.
  virtual bool Write(OutputQueue& out) = 0;

  // No more is written; the peer sees the end after what was taken.
  virtual void ShutdownWrite() = 0;

  // Ends both directions now. No event follows.
  virtual void Close() = 0;

  // "127.0.0.1:43210"
  virtual const std::string& peer() const = 0;
};

}  // namespace keelson::server
