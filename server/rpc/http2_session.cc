#include "server/rpc/http2_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "base/check.h"
#include "server/rpc/http2_router.h"

namespace keelson::server {
namespace {

// Frames that wait for a client which does not read; beyond it we stop reading from it too.
constexpr size_t kMaxQueuedFrames = 4096;

// How long the client may take to answer the ping between the two GOAWAYs of a graceful end.
constexpr std::chrono::seconds kDrainPingTime{1};

}  // namespace

Http2Session::Http2Session(SessionContext& context, SessionHost& host, std::string peer)
    : context_(context),
      host_(host),
      peer_(std::move(peer)),
      pings_(context.options.keepalive_min_time, context.options.keepalive_permit_without_stream),
      resets_(context.options.stream_reset_burst, context.options.stream_reset_per_second),
      last_receive_(context.Now()) {
  KEELSON_CHECK(nghttp2_session_server_new2(&raw_, context.http2.callbacks(), this,
                                            context.http2.option()) == 0,
                "out of memory");
  const FrontEndOptions& options = context.options;
  // No priorities by the client's wish: its dependency trees cost time, and round robin serves all.
  const std::array<nghttp2_settings_entry, 4> settings = {{
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window_bytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(options.max_header_list_bytes)},
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options.max_concurrent_streams},
  }};
  const size_t count = options.max_concurrent_streams == UINT32_MAX ? 3 : 4;
  nghttp2_submit_settings(raw_, NGHTTP2_FLAG_NONE, settings.data(), count);
  nghttp2_session_set_local_window_size(raw_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(options.connection_window_bytes));
  context_.deadlines.Set(*this, last_receive_ + options.preface_timeout);
}

Http2Session::~Http2Session() {
  Abort();
  nghttp2_session_del(raw_);
}

void Http2Session::Receive(std::string_view bytes) {
  if (ended_) return;
  last_receive_ = context_.Now();
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  if (nghttp2_session_mem_recv(raw_, data, bytes.size()) < 0) ended_ = true;
  if (header_block_open_ != header_deadline_.armed()) WatchHeaderBlock();
}

// Nearly all lists of fields are whole within one read; only the others are watched.
void Http2Session::WatchHeaderBlock() {
  if (header_block_open_ && !ended_) {
    context_.deadlines.Set(header_deadline_, last_receive_ + context_.options.http2_header_timeout);
  } else {
    context_.deadlines.Clear(header_deadline_);
  }
}

void Http2Session::OnSlowHeaders() { EndConnection(NGHTTP2_ENHANCE_YOUR_CALM, "header_timeout"); }

void Http2Session::ReceiveEof() { ended_ = true; }

void Http2Session::Run() {
  if (!ready_.empty()) RunTaken(std::exchange(ready_, {}));
}

void Http2Session::RunTaken(std::vector<std::shared_ptr<StreamRole>> roles) {
  for (auto& role : roles) {
    role->scheduled_ = false;
    role->Run();
  }
  // What was scheduled meanwhile has its turn at the next Run; the host was woken for it. The list
  // is kept for its memory.
  if (ready_.empty()) {
    roles.clear();
    ready_ = std::move(roles);
  }
}

void Http2Session::Schedule(std::shared_ptr<StreamRole> role) {
  if (role->scheduled_) return;
  role->scheduled_ = true;
  ready_.push_back(std::move(role));
}

void Http2Session::Produce(OutputQueue& out, size_t budget) {
  if (ended_) return;
  out_ = &out;
  while (!ended_ && out.size() < budget) {
    const uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(raw_, &data);
    if (size < 0) ended_ = true;
    if (size <= 0) break;
    out.Append({reinterpret_cast<const char*>(data), static_cast<size_t>(size)});
  }
  out_ = nullptr;
}

bool Http2Session::wants_read() const {
  return !ended_ && nghttp2_session_get_outbound_queue_size(raw_) < kMaxQueuedFrames;
}

bool Http2Session::wants_write() const {
  return !ended_ && (nghttp2_session_want_write(raw_) != 0 || !ready_.empty());
}

bool Http2Session::finished() const {
  if (ended_) return true;
  return nghttp2_session_want_read(raw_) == 0 && nghttp2_session_want_write(raw_) == 0;
}

void Http2Session::Drain() {
  if (draining_ || ended_) return;
  draining_ = true;
  nghttp2_submit_shutdown_notice(raw_);
  nghttp2_submit_ping(raw_, NGHTTP2_FLAG_NONE, nullptr);
  context_.deadlines.Set(*this, context_.Now() + kDrainPingTime);
}

void Http2Session::OnPingAck() {
  pinged_ = false;
  if (draining_ && !ending_) EndConnection(NGHTTP2_NO_ERROR, "");
}

// Queues the final GOAWAY. With an error the connection ends once it is written; without one, once
// the open streams have ended.
void Http2Session::EndConnection(uint32_t error_code, std::string_view debug) {
  if (ending_) return;
  ending_ = true;
  nghttp2_submit_goaway(raw_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(raw_),
                        error_code, reinterpret_cast<const uint8_t*>(debug.data()), debug.size());
  host_.Wake();
}

void Http2Session::OnGoawaySent(uint32_t error_code) {
  if (error_code == NGHTTP2_NO_ERROR) return;
  ++context_.stats.connections_struck;
  ended_ = true;
}

void Http2Session::Abort() {
  context_.deadlines.Clear(*this);
  context_.deadlines.Clear(header_deadline_);
  ended_ = true;
  auto streams = std::exchange(streams_, {});
  for (auto& stream : streams) {
    if (!stream->role_) continue;
    stream->role_->OnClosed();
    Schedule(std::move(stream->role_));
  }
  streams.clear();
  Run();
}

void Http2Session::OnSettings() {
  if (got_settings_) return;
  got_settings_ = true;
  if (!draining_) ArmKeepalive();
}

void Http2Session::ArmKeepalive() {
  context_.deadlines.Set(*this, last_receive_ + context_.options.keepalive_interval);
}

// One deadline serves four purposes; which one is told by the state.
void Http2Session::OnDeadline() {
  const DeadlineQueue::Time now = context_.Now();
  if (!got_settings_) {
    ended_ = true;
  } else if (draining_) {
    EndConnection(NGHTTP2_NO_ERROR, "");
  } else if (pinged_ && last_receive_ <= ping_time_) {
    ended_ = true;
  } else if (now - last_receive_ >= context_.options.keepalive_interval) {
    pinged_ = true;
    ping_time_ = now;
    nghttp2_submit_ping(raw_, NGHTTP2_FLAG_NONE, nullptr);
    context_.deadlines.Set(*this, now + context_.options.keepalive_timeout);
  } else {
    pinged_ = false;
    ArmKeepalive();
  }
  host_.Wake();
}

void Http2Session::OnPing() {
  if (!pings_.OnPing(context_.Now(), !streams_.empty())) {
    EndConnection(NGHTTP2_ENHANCE_YOUR_CALM, "too_many_pings");
  }
}

void Http2Session::OnResetSent(uint32_t error_code) {
  // Resets that the client's own mistakes force on us cost it like resets it sends.
  const bool forced = error_code == NGHTTP2_PROTOCOL_ERROR ||
                      error_code == NGHTTP2_FLOW_CONTROL_ERROR ||
                      error_code == NGHTTP2_STREAM_CLOSED || error_code == NGHTTP2_FRAME_SIZE_ERROR;
  if (forced && !resets_.Take(context_.Now())) {
    EndConnection(NGHTTP2_ENHANCE_YOUR_CALM, "too_many_resets");
  }
}

bool Http2Session::holds_too_much() const {
  return held_bytes_ > context_.options.max_buffered_request_bytes;
}

Http2Stream* Http2Session::OnNewStream(int32_t id) {
  auto stream = std::make_unique<Http2Stream>(*this, id);
  stream->index_ = streams_.size();
  // Round robin between streams; without it they would be served one after the other.
  const nghttp2_extpri priority = {NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};
  nghttp2_session_change_extpri_stream_priority(raw_, id, &priority, 1);
  streams_.push_back(std::move(stream));
  return streams_.back().get();
}

void Http2Session::OnStreamClosed(Http2Stream& stream) {
  if (stream.role_) {
    stream.role_->OnClosed();
    Schedule(std::move(stream.role_));
  }
  const size_t index = stream.index_;
  streams_.back()->index_ = index;
  std::swap(streams_[index], streams_.back());
  streams_.pop_back();
}

void Http2Session::OnMalformed(Http2Stream& stream) {
  stream.malformed_ = true;
  nghttp2_submit_rst_stream(raw_, NGHTTP2_FLAG_NONE, stream.id_, NGHTTP2_PROTOCOL_ERROR);
}

void Http2Session::OnTrailersComplete(Http2Stream& stream, bool last) {
  if (stream.malformed_ || !last) OnMalformed(stream);
}

void Http2Session::OnRequestComplete(Http2Stream& stream) {
  if (stream.malformed_ || !stream.rules_.IsComplete()) return OnMalformed(stream);
  stream.role_ = RouteRequest(stream, unread_bytes_ > context_.options.max_unread_answer_bytes);
  if (stream.role_) Schedule(stream.role_);
}

void Http2Session::OnData(Http2Stream& stream, std::string_view bytes) {
  stream.unconsumed_bytes_ += bytes.size();
  if (!stream.malformed_ && !stream.rules_.OnBody(bytes.size())) OnMalformed(stream);
  if (!stream.role_ || stream.malformed_) return stream.Consume();
  stream.role_->OnData(bytes);
  Schedule(stream.role_);
}

void Http2Session::OnHalfClose(Http2Stream& stream) {
  stream.half_closed_ = true;
  if (!stream.malformed_ && !stream.rules_.OnEnd()) OnMalformed(stream);
  if (!stream.role_ || stream.malformed_) return;
  stream.role_->OnHalfClose();
  Schedule(stream.role_);
}

void Http2Session::OnEndSent(int32_t stream_id) {
  // We have answered before the client finished; it need not go on.
  nghttp2_submit_rst_stream(raw_, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_NO_ERROR);
}

size_t Http2Session::OfferBody(Http2Stream& stream, size_t limit, bool* last, bool* trailers) {
  const size_t size = std::min(limit, stream.body_.size());
  *last = stream.body_ended_ && size == stream.body_.size();
  stream.waiting_for_body_ = size == 0 && !*last;
  *trailers = *last && !stream.trailers_.empty();
  if (*trailers) {
    absl::InlinedVector<nghttp2_nv, 8> list;
    list.reserve(stream.trailers_.size());
    for (auto& [name, value] : stream.trailers_) {
      const bool common = name == "grpc-status";
      list.push_back(
          {reinterpret_cast<uint8_t*>(name.data()), reinterpret_cast<uint8_t*>(value.data()),
           name.size(), value.size(),
           static_cast<uint8_t>(common ? NGHTTP2_NV_FLAG_NONE : NGHTTP2_NV_FLAG_NO_INDEX)});
    }
    nghttp2_submit_trailer(raw_, stream.id_, list.data(), list.size());
    stream.trailers_.clear();
  }
  return size;
}

void Http2Session::SendBody(Http2Stream& stream, std::string_view frame_head, size_t size) {
  KEELSON_CHECK(out_ != nullptr, "body bytes are taken inside Produce only");
  out_->Append(frame_head);
  stream.body_.Take(size, *out_);
  unread_bytes_ -= size;
  if (stream.above_high_water_ && stream.body_.size() < Call::kLowWater) {
    stream.above_high_water_ = false;
    if (!stream.role_) return;
    stream.role_->OnRoom();
    Schedule(stream.role_);
  }
}

}  // namespace keelson::server
