// One HTTP/2 stream of a server session, and the interface of what answers on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/api/call.h"
#include "server/rpc/http2_rules.h"
#include "server/rpc/request_head.h"
#include "server/rpc/stream_body.h"

namespace keelson::server {

class Http2Session;
class Http2Stream;

// What a stream is used for: a gRPC call or a plain request.
//
// OnData, OnHalfClose, OnRoom and OnClosed come from inside the HTTP/2 parser: they only take note.
// Run follows soon after and may call handlers.
class StreamRole {
 public:
  virtual ~StreamRole() = default;

  virtual void OnData(std::string_view bytes) = 0;
  virtual void OnHalfClose() = 0;
  // The body fell below Call::kLowWater after it had reached Call::kHighWater.
  virtual void OnRoom() = 0;
  // The stream is gone and must not be used any more.
  virtual void OnClosed() = 0;
  virtual void Run() = 0;

 private:
  friend class Http2Session;
  bool scheduled_ = false;
};

// A field to send. `fixed` ones are literals that outlive everything and are worth a place in the
// peer's header table; others are copied and never indexed.
struct HeaderField {
  std::string_view name;
  std::string_view value;
  bool fixed = false;
};

// Lives as long as nghttp2's stream. REQUIRES for all: called in the order Respond, Write*, End*.
class Http2Stream {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  Http2Stream(Http2Session& session, int32_t id) : session_(session), id_(id) {}
  ~Http2Stream();
  Http2Stream(const Http2Stream&) = delete;
  Http2Stream& operator=(const Http2Stream&) = delete;

  // Take one field of the request, and the name of one that follows its body.
  void AddField(std::string_view name, std::string_view value);
  void AddTrailer(std::string_view name);

  // Sends the leading fields; with `end` they are all.
  void Respond(std::span<const HeaderField> fields, bool end);
  void Write(SharedBody body);
  // Ends after what was written, with trailing fields if there are any.
  void End(Fields trailers);
  // Ends now; what waits is dropped.
  void Reset(uint32_t error_code);

  // Bytes written that the connection has not taken.
  size_t pending_bytes() const { return body_.size(); }

  // Tells how many received bytes the role holds back, for the connection's limit.
  void SetHeldBytes(size_t bytes);
  // Gives the client room for what it has sent so far.
  void Consume();
  // Calls role->Run() soon.
  void Schedule();

  Http2Session& session() { return session_; }
  RequestHead& head() { return head_; }
  int32_t id() const { return id_; }

 private:
  friend class Http2Session;

  void ResumeBody();

  Http2Session& session_;
  const int32_t id_;
  size_t index_ = 0;  // in the session's list
  RequestHead head_;
  Http2Rules rules_;
  bool malformed_ = false;
  std::shared_ptr<StreamRole> role_;
  StreamBody body_;
  Fields trailers_;
  bool body_ended_ = false;
  bool above_high_water_ = false;
  bool half_closed_ = false;       // the client will send nothing more
  bool waiting_for_body_ = false;  // nghttp2 asked for bytes when there were none
  size_t unconsumed_bytes_ = 0;    // received, window not yet given back
  size_t held_bytes_ = 0;
};

}  // namespace keelson::server
