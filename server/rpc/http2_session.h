// The server side of one HTTP/2 connection, over nghttp2: streams, windows, limits, keepalive,
// graceful end. Bytes in, bytes out; see session.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/rpc/abuse_policy.h"
#include "server/rpc/deadline_queue.h"
#include "server/rpc/http2_stream.h"
#include "server/rpc/session.h"
#include "server/rpc/session_context.h"

struct nghttp2_session;

namespace keelson::server {

class Http2Session final : public Session, private DeadlineQueue::Entry {
 private:
  // Ends the connection of a client that begins a list of fields and takes too long to end it.
  class HeaderDeadline final : public DeadlineQueue::Entry {
   public:
    explicit HeaderDeadline(Http2Session& session) : session_(session) {}

   private:
    void OnDeadline() override { session_.OnSlowHeaders(); }
    Http2Session& session_;
  };

 public:
  // `context` and `host` must outlive the session.
  Http2Session(SessionContext& context, SessionHost& host, std::string peer);
  ~Http2Session() override;

  void Receive(std::string_view bytes) override;
  void ReceiveEof() override;
  void Run() override;
  void Produce(OutputQueue& out, size_t budget) override;
  bool wants_read() const override;
  bool wants_write() const override;
  bool finished() const override;
  void Drain() override;
  void Abort() override;

  // For streams and their roles.
  SessionContext& context() { return context_; }
  const std::string& peer() const { return peer_; }
  nghttp2_session* raw() { return raw_; }
  void Schedule(std::shared_ptr<StreamRole> role);
  void Wake() { host_.Wake(); }
  void AdjustUnread(ptrdiff_t bytes) { unread_bytes_ += static_cast<size_t>(bytes); }
  void AdjustHeld(ptrdiff_t bytes) { held_bytes_ += static_cast<size_t>(bytes); }
  // Request bytes held for calls are over the connection's limit.
  bool holds_too_much() const;

  // From nghttp2's callbacks (http2_config.cc).
  Http2Stream* OnNewStream(int32_t id);
  // A list of fields begins or ends.
  void OnHeaderBlock(bool open) { header_block_open_ = open; }
  void OnRequestComplete(Http2Stream& stream);
  void OnTrailersComplete(Http2Stream& stream, bool last);
  void OnHalfClose(Http2Stream& stream);
  void OnData(Http2Stream& stream, std::string_view bytes);
  void OnStreamClosed(Http2Stream& stream);
  void OnSettings();
  void OnPing();
  void OnPingAck();
  void OnAnswerSent() { pings_.OnAnswerSent(); }
  void OnEndSent(int32_t stream_id);
  void OnResetSent(uint32_t error_code);
  void OnGoawaySent(uint32_t error_code);
  // Up to `limit` body bytes are ready; sets `*last` with the final ones and submits the trailers.
  // Returns 0 without `*last` if the stream has to wait.
  size_t OfferBody(Http2Stream& stream, size_t limit, bool* last, bool* trailers);
  void SendBody(Http2Stream& stream, std::string_view frame_head, size_t size);

 private:
  void OnDeadline() override;
  void OnSlowHeaders();
  void WatchHeaderBlock();
  // Resets a stream whose request breaks the rules.
  void OnMalformed(Http2Stream& stream);
  void ArmKeepalive();
  void RunTaken(std::vector<std::shared_ptr<StreamRole>> roles);
  void EndConnection(uint32_t error_code, std::string_view debug);

  SessionContext& context_;
  SessionHost& host_;
  const std::string peer_;
  nghttp2_session* raw_ = nullptr;
  std::vector<std::unique_ptr<Http2Stream>> streams_;
  std::vector<std::shared_ptr<StreamRole>> ready_;  // roles whose Run is due
  OutputQueue* out_ = nullptr;                      // during Produce
  size_t unread_bytes_ = 0;
  size_t held_bytes_ = 0;

  PingPolicy pings_;
  RateLimit resets_;
  DeadlineQueue::Time last_receive_;
  DeadlineQueue::Time ping_time_;
  HeaderDeadline header_deadline_{*this};
  bool header_block_open_ = false;
  bool got_settings_ = false;
  bool pinged_ = false;    // a keepalive ping of ours is unanswered
  bool draining_ = false;  // the final GOAWAY follows the ack of our ping
  bool ending_ = false;    // the final GOAWAY is queued
  bool ended_ = false;     // nothing more is said
};

}  // namespace keelson::server
