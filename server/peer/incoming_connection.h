// A connection that another member dialled: its handshake is judged, then its frames are read.
//
//   Start -> [greeting] -- offer admitted (Greet) --> [open] -- error, end, Close --> [closed]
//                |-- refused, malformed, timeout, Close -----------------------------^
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "server/loop/asio_loop.h"
#include "server/peer/frame_reader.h"
#include "server/peer/handshake.h"
#include "server/peer/peer_stream.h"

namespace keelson::server {

// Loop thread only; owned by a shared_ptr. Nothing is sent on it after the handshake.
class IncomingConnection : public std::enable_shared_from_this<IncomingConnection> {
 public:
  // What the connection tells its owner. None of them is called after Close.
  class Owner {
   public:
    virtual ~Owner() = default;
    // An offer arrived. Judges it and gives the answer to send.
    virtual HandshakeVerdict OnOffer(const v1::PeerHandshake& offer, v1::PeerHandshake& answer) = 0;
    // The answer is on its way.
    virtual void OnOpen(IncomingConnection& connection) = 0;
    // A frame, valid during the call. An error closes the connection.
    virtual absl::Status OnFrame(IncomingConnection& connection, std::string_view frame) = 0;
    // The connection closed by itself; `why` says DataLoss when the bytes made no sense.
    virtual void OnEnd(IncomingConnection& connection, const absl::Status& why) = 0;
  };

  // `loop` and `owner` outlive the connection's last callback.
  IncomingConnection(AsioLoop& loop, Owner& owner, std::unique_ptr<PeerStream> stream);
  ~IncomingConnection();

  void Start(Duration handshake_timeout);
  // Closes without a callback.
  void Close();

  bool open() const { return state_ == State::kOpen; }
  // Who is at the other end. REQUIRES: open, or closed after having been open.
  const PeerHello& hello() const { return verdict_.hello; }
  PeerChannel channel() const { return verdict_.channel; }
  uint64_t bytes_received() const { return bytes_received_; }

 private:
  enum class State { kGreeting, kOpen, kClosed };

  void ReadMore();
  void OnRead(const std::error_code& error, size_t bytes);
  absl::Status Greet();
  absl::Status DeliverFrames();
  void End(absl::Status why);

  AsioLoop& loop_;
  Owner& owner_;
  std::unique_ptr<PeerStream> stream_;
  State state_ = State::kGreeting;
  FrameReader reader_;
  HandshakeVerdict verdict_;
  Loop::TimerId timer_ = 0;
  uint64_t bytes_received_ = 0;
};

}  // namespace keelson::server
