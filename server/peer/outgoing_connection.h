// A connection that this member keeps to a peer for one channel: it dials, greets, sends, and dials
// again when it breaks.
//
//               +------------- backoff over, DialNow --------------+
//               v                                                  |
//   Start -> [dialling] -- connected --> [greeting] -- admitted --> [open]
//               |                            |                       |
//               +--- refused, error, timeout +-- end, error ---------+--> [waiting] (Break)
//   Stop: from everywhere to [stopped]
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/loop/asio_loop.h"
#include "server/peer/codec.h"
#include "server/peer/dialer.h"
#include "server/peer/frame_reader.h"
#include "server/peer/handshake.h"
#include "server/peer/peer_options.h"
#include "server/peer/peer_stream.h"
#include "server/peer/scatter_list.h"

namespace keelson::server {

// Loop thread only; owned by a shared_ptr.
class OutgoingConnection : public std::enable_shared_from_this<OutgoingConnection> {
 public:
  // What the connection tells its owner; nothing after Stop.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual v1::PeerHandshake OfferTo(raft::NodeId peer, PeerChannel channel) = 0;
    // Judges the answer to the offer.
    virtual HandshakeVerdict OnAnswer(const v1::PeerHandshake& offer,
                                      const v1::PeerHandshake& answer) = 0;
    virtual void OnOpen(OutgoingConnection& connection, const PeerHello& hello) = 0;
    // The connection broke, or could not be made (`was_open` false). May come from inside Flush.
    virtual void OnBroken(OutgoingConnection& connection, bool was_open) = 0;
  };

  struct Stats {
    uint64_t bytes_sent = 0;
    uint64_t frames_sent = 0;     // handed to the queue
    uint64_t frames_dropped = 0;  // refused by Send, or queued when the connection broke
    uint64_t failed_dials = 0;
  };

  // `loop` and `owner` outlive the connection's last callback.
  OutgoingConnection(AsioLoop& loop, Owner& owner, Random random,
                     const PeerTransportOptions& options, raft::NodeId peer, PeerChannel channel);

  // Dials the URLs in turn, from now on until Stop. REQUIRES: at least one URL.
  void Start(std::vector<PeerUrl> urls);
  // For the next dial. REQUIRES: at least one URL.
  void SetUrls(std::vector<PeerUrl> urls);
  void Stop();

  // The peer is there for sure: ends a backoff.
  void DialNow();

  // Queues a frame. False when it was surely not sent: not open, the queue is full, or the message
  // is too large.
  bool Send(PeerMessage message);
  bool SendProbe(const PeerProbe& probe);
  // Writes what the socket takes; the rest follows by itself.
  void Flush();

  raft::NodeId peer() const { return peer_; }
  PeerChannel channel() const { return channel_; }
  bool open() const { return state_ == State::kOpen; }
  // The process that answered. REQUIRES: open.
  const PeerHello& hello() const { return hello_; }
  size_t queued_bytes() const { return queue_.bytes(); }
  const Stats& stats() const { return stats_; }

 private:
  enum class State { kStopped, kDialling, kGreeting, kOpen, kWaiting };

  void Dial();
  void OnStream(absl::StatusOr<std::unique_ptr<PeerStream>> stream);
  void ReadMore();
  void OnRead(const std::error_code& error, size_t bytes);
  void OnAnswer(const v1::PeerHandshake& answer);
  void Open(const PeerHello& hello);
  void Break();
  void Reset();
  Duration NextBackoff();
  size_t QueueLimit() const;

  AsioLoop& loop_;
  Owner& owner_;
  Random random_;
  const PeerTransportOptions options_;
  const raft::NodeId peer_;
  const PeerChannel channel_;

  State state_ = State::kStopped;
  std::vector<PeerUrl> urls_;
  size_t next_url_ = 0;
  Duration backoff_;
  Loop::TimerId timer_ = 0;
  std::shared_ptr<Dialer> dialer_;       // dialling only
  std::shared_ptr<PeerStream> stream_;   // greeting and open only; handlers hold it too
  std::unique_ptr<FrameReader> reader_;  // greeting and open only
  v1::PeerHandshake offer_;
  PeerHello hello_;
  Instant opened_at_;
  bool writable_ = true;  // open only: false while WhenWritable is pending
  ScatterList queue_;
  uint64_t queued_frames_ = 0;  // since the queue was last empty
  Stats stats_;
};

}  // namespace keelson::server
