#include "bench/kvbench/h2_connection.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "bench/kvbench/h2_frame.h"

namespace keelson::kvbench {
namespace {

// Large enough that a server is never slowed by our windows, only by the socket.
constexpr uint32_t kReceiveWindow = 1u << 30;
constexpr uint64_t kAckThreshold = kReceiveWindow / 4;

// gRPC over HTTP/2, table "HTTP2 to gRPC error code mapping".
int CodeOfReset(uint32_t http2_error) {
  switch (http2_error) {
    case 7:  // REFUSED_STREAM
      return kUnavailable;
    case h2::kErrorCancel:
      return 1;
    case 11:  // ENHANCE_YOUR_CALM
      return kResourceExhausted;
    case 12:  // INADEQUATE_SECURITY
      return 7;
    default:
      return kInternal;
  }
}

// Removes padding (and the priority fields of HEADERS); false if the frame is malformed.
bool StripPadding(uint8_t flags, bool has_priority, std::string_view& payload) {
  size_t padding = 0;
  if ((flags & h2::kFlagPadded) != 0) {
    if (payload.empty()) return false;
    padding = static_cast<uint8_t>(payload.front());
    payload.remove_prefix(1);
  }
  const size_t priority = has_priority && (flags & h2::kFlagPriority) != 0 ? 5 : 0;
  if (payload.size() < padding + priority) return false;
  payload.remove_prefix(priority);
  payload.remove_suffix(padding);
  return true;
}

}  // namespace

H2Connection::H2Connection(std::string authority, StreamHandler* handler)
    : handler_(handler),
      request_headers_(std::move(authority)),
      send_window_(h2::kDefaultWindow),
      peer_initial_window_(h2::kDefaultWindow),
      peer_max_frame_(h2::kDefaultMaxFrame) {
  output_.append(h2::kPreface);
  h2::AppendFrameHeader(12, h2::Type::kSettings, 0, 0, output_);
  h2::Append16(h2::kSettingsEnablePush, output_);
  h2::Append32(0, output_);
  h2::Append16(h2::kSettingsInitialWindowSize, output_);
  h2::Append32(kReceiveWindow, output_);
  h2::AppendFrameHeader(4, h2::Type::kWindowUpdate, 0, 0, output_);
  h2::Append32(kReceiveWindow - h2::kDefaultWindow, output_);
}

bool H2Connection::CanOpen() const {
  return !going_away_ && streams_.size() < peer_max_streams_ && next_stream_ < (1u << 31) - 2;
}

uint32_t H2Connection::Open(const Call& call, std::string_view message) {
  KEELSON_CHECK(CanOpen(), "a call needs a free stream");
  const uint32_t id = next_stream_;
  next_stream_ += 2;
  Stream& stream = streams_[id];
  stream.tag = call.tag;
  stream.chunked = call.chunked;
  stream.send_window = peer_initial_window_;
  const size_t start = output_.size();
  h2::AppendFrameHeader(0, h2::Type::kHeaders, h2::kFlagEndHeaders, id, output_);
  request_headers_.Append(call.method, output_);
  // A header block of ours is far below 64 KiB.
  const size_t length = output_.size() - start - h2::kFrameHeaderSize;
  output_[start + 1] = static_cast<char>(length >> 8);
  output_[start + 2] = static_cast<char>(length);
  SendMessage(id, stream, message, call.half_close);
  return id;
}

void H2Connection::Send(uint32_t stream, std::string_view message) {
  const auto found = streams_.find(stream);
  if (found != streams_.end()) SendMessage(stream, found->second, message, false);
}

void H2Connection::SendMessage(uint32_t id, Stream& stream, std::string_view message, bool end) {
  const size_t size = h2::kGrpcPrefixSize + message.size();
  const auto needed = static_cast<int64_t>(size);
  const bool fits = blocked_.empty() && size <= peer_max_frame_ && needed <= send_window_ &&
                    needed <= stream.send_window;
  if (fits) {
    send_window_ -= needed;
    stream.send_window -= needed;
    h2::AppendFrameHeader(size, h2::Type::kData, end ? h2::kFlagEndStream : 0, id, output_);
    output_.push_back('\0');
    h2::Append32(static_cast<uint32_t>(message.size()), output_);
    output_.append(message);
    return;
  }
  Blocked blocked{.stream = id, .end = end, .bytes = std::string(1, '\0'), .sent = 0};
  h2::Append32(static_cast<uint32_t>(message.size()), blocked.bytes);
  blocked.bytes.append(message);
  blocked_.push_back(std::move(blocked));
  Pump();
}

void H2Connection::Pump() {
  while (!blocked_.empty()) {
    Blocked& front = blocked_.front();
    const auto found = streams_.find(front.stream);
    if (found == streams_.end() || front.sent == front.bytes.size()) {
      blocked_.pop_front();
      continue;
    }
    Stream& stream = found->second;
    const int64_t window = std::min(send_window_, stream.send_window);
    if (window <= 0) return;
    const size_t left = front.bytes.size() - front.sent;
    const size_t size = std::min({left, static_cast<size_t>(window), size_t{peer_max_frame_}});
    const bool end = front.end && size == left;
    h2::AppendFrameHeader(size, h2::Type::kData, end ? h2::kFlagEndStream : 0, front.stream,
                          output_);
    output_.append(front.bytes, front.sent, size);
    front.sent += size;
    send_window_ -= static_cast<int64_t>(size);
    stream.send_window -= static_cast<int64_t>(size);
  }
}

void H2Connection::Cancel(uint32_t stream) {
  if (streams_.erase(stream) == 0) return;
  h2::AppendFrameHeader(4, h2::Type::kRstStream, 0, stream, output_);
  h2::Append32(h2::kErrorCancel, output_);
  Pump();
}

void H2Connection::FailAll(const GrpcStatus& status) {
  going_away_ = true;
  std::vector<uint64_t> tags;
  tags.reserve(streams_.size());
  for (const auto& [id, stream] : streams_) tags.push_back(stream.tag);
  streams_.clear();
  blocked_.clear();
  for (const uint64_t tag : tags) handler_->OnClosed(tag, status);
}

void H2Connection::Close(uint32_t id, const GrpcStatus& status) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  const uint64_t tag = found->second.tag;
  streams_.erase(found);
  handler_->OnClosed(tag, status);
}

absl::StatusOr<size_t> H2Connection::Feed(std::string_view bytes) {
  size_t used = 0;
  while (bytes.size() - used >= h2::kFrameHeaderSize) {
    const std::string_view rest = bytes.substr(used);
    const size_t length = h2::Load32(rest) >> 8;
    if (length > h2::kDefaultMaxFrame) {
      return absl::InternalError("server sent a frame above the maximum frame size");
    }
    if (rest.size() < h2::kFrameHeaderSize + length) break;
    const auto type = static_cast<h2::Type>(rest[3]);
    const auto flags = static_cast<uint8_t>(rest[4]);
    const uint32_t id = h2::Load32(rest.substr(5)) & 0x7fffffff;
    const absl::Status status = OnFrame(type, flags, id, rest.substr(h2::kFrameHeaderSize, length));
    if (!status.ok()) return status;
    used += h2::kFrameHeaderSize + length;
  }
  return used;
}

absl::Status H2Connection::OnFrame(h2::Type type, uint8_t flags, uint32_t id,
                                   std::string_view payload) {
  if (header_stream_ != 0 && type != h2::Type::kContinuation) {
    return absl::InternalError("server interrupted a header block");
  }
  switch (type) {
    case h2::Type::kData:
      return OnData(flags, id, payload);
    case h2::Type::kHeaders:
    case h2::Type::kContinuation:
      return OnHeaders(flags, id, payload);
    case h2::Type::kSettings:
      return OnSettings(flags, payload);
    case h2::Type::kWindowUpdate:
      return OnWindowUpdate(id, payload);
    case h2::Type::kRstStream: {
      if (payload.size() != 4) return absl::InternalError("malformed RST_STREAM");
      const uint32_t error = h2::Load32(payload);
      Close(id, {CodeOfReset(error), "stream reset by the server, code " + std::to_string(error)});
      return absl::OkStatus();
    }
    case h2::Type::kPing:
      if (payload.size() != 8) return absl::InternalError("malformed PING");
      if ((flags & h2::kFlagAck) != 0) return absl::OkStatus();
      h2::AppendFrameHeader(8, h2::Type::kPing, h2::kFlagAck, 0, output_);
      output_.append(payload);
      return absl::OkStatus();
    case h2::Type::kGoAway:
      if (payload.size() < 8) return absl::InternalError("malformed GOAWAY");
      OnGoAway(payload);
      return absl::OkStatus();
    case h2::Type::kPushPromise:
      return absl::InternalError("server pushed although push is off");
    default:
      return absl::OkStatus();
  }
}

absl::Status H2Connection::OnData(uint8_t flags, uint32_t id, std::string_view payload) {
  AckReceived(id, payload.size());
  if (!StripPadding(flags, false, payload)) return absl::InternalError("malformed DATA");
  Deliver(id, payload);
  if ((flags & h2::kFlagEndStream) != 0) {
    Close(id, {kInternal, "server ended the stream without a grpc-status"});
  }
  return absl::OkStatus();
}

void H2Connection::AckReceived(uint32_t id, size_t bytes) {
  unacked_bytes_ += bytes;
  if (unacked_bytes_ >= kAckThreshold) {
    h2::AppendFrameHeader(4, h2::Type::kWindowUpdate, 0, 0, output_);
    h2::Append32(static_cast<uint32_t>(unacked_bytes_), output_);
    unacked_bytes_ = 0;
  }
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  Stream& stream = found->second;
  stream.unacked_bytes += bytes;
  if (stream.unacked_bytes < kAckThreshold) return;
  h2::AppendFrameHeader(4, h2::Type::kWindowUpdate, 0, id, output_);
  h2::Append32(static_cast<uint32_t>(stream.unacked_bytes), output_);
  stream.unacked_bytes = 0;
}

// A handler may cancel the stream or open others while a message is delivered, so the stream is
// looked up again after each call-back.
void H2Connection::Deliver(uint32_t id, std::string_view bytes) {
  while (true) {
    const auto found = streams_.find(id);
    if (found == streams_.end()) return;
    Stream& stream = found->second;
    std::string_view part;
    if (stream.chunked) {
      if (!stream.reader.NextChunk(bytes, part)) return;
      handler_->OnChunk(stream.tag, part);
    } else {
      if (!stream.reader.Next(bytes, scratch_, part)) return;
      handler_->OnMessage(stream.tag, part);
    }
  }
}

absl::Status H2Connection::OnHeaders(uint8_t flags, uint32_t id, std::string_view payload) {
  const bool continues = header_stream_ != 0;
  if (continues && id != header_stream_) return absl::InternalError("CONTINUATION out of place");
  if (!continues) {
    if (!StripPadding(flags, true, payload)) return absl::InternalError("malformed HEADERS");
    header_end_stream_ = (flags & h2::kFlagEndStream) != 0;
    if ((flags & h2::kFlagEndHeaders) != 0) return OnHeaderBlock(id, header_end_stream_, payload);
    header_block_.clear();
  }
  header_block_.append(payload);
  if (header_block_.size() > (1u << 20)) return absl::InternalError("header block above 1 MiB");
  header_stream_ = id;
  if ((flags & h2::kFlagEndHeaders) == 0) return absl::OkStatus();
  header_stream_ = 0;
  return OnHeaderBlock(id, header_end_stream_, header_block_);
}

absl::Status H2Connection::OnHeaderBlock(uint32_t id, bool end_stream, std::string_view block) {
  // Decoded even for a forgotten stream: the compression state is the connection's.
  const ResponseHeaders* headers = response_headers_.Decode(block);
  if (headers == nullptr) return absl::InternalError("server's header block cannot be decoded");
  const auto found = streams_.find(id);
  if (found == streams_.end()) return absl::OkStatus();
  int& http_status = found->second.http_status;
  if (headers->http_status != 0) http_status = headers->http_status;
  if (!end_stream) return absl::OkStatus();
  if (headers->grpc_status >= 0) {
    const int code = headers->grpc_status <= 16 ? headers->grpc_status : int{kUnknown};
    Close(id, {code, code == kOk ? std::string() : headers->grpc_message});
  } else {
    Close(id, {kUnknown, "HTTP status " + std::to_string(http_status) + ", no grpc-status"});
  }
  return absl::OkStatus();
}

absl::Status H2Connection::OnSettings(uint8_t flags, std::string_view payload) {
  if ((flags & h2::kFlagAck) != 0) return absl::OkStatus();
  if (payload.size() % 6 != 0) return absl::InternalError("malformed SETTINGS");
  for (; !payload.empty(); payload.remove_prefix(6)) {
    ApplySetting(h2::Load16(payload), h2::Load32(payload.substr(2)));
  }
  h2::AppendFrameHeader(0, h2::Type::kSettings, h2::kFlagAck, 0, output_);
  Pump();
  return absl::OkStatus();
}

void H2Connection::ApplySetting(uint16_t id, uint32_t value) {
  if (id == h2::kSettingsHeaderTableSize) request_headers_.SetPeerTableSize(value);
  if (id == h2::kSettingsMaxConcurrentStreams) peer_max_streams_ = value;
  if (id == h2::kSettingsMaxFrameSize) peer_max_frame_ = value;
  if (id != h2::kSettingsInitialWindowSize) return;
  const int64_t change = int64_t{value} - peer_initial_window_;
  peer_initial_window_ = value;
  for (auto& [stream_id, stream] : streams_) stream.send_window += change;
}

absl::Status H2Connection::OnWindowUpdate(uint32_t id, std::string_view payload) {
  if (payload.size() != 4) return absl::InternalError("malformed WINDOW_UPDATE");
  const int64_t grant = h2::Load32(payload) & 0x7fffffff;
  if (id == 0) {
    send_window_ += grant;
  } else if (const auto found = streams_.find(id); found != streams_.end()) {
    found->second.send_window += grant;
  }
  Pump();
  return absl::OkStatus();
}

void H2Connection::OnGoAway(std::string_view payload) {
  going_away_ = true;
  const uint32_t last = h2::Load32(payload) & 0x7fffffff;
  std::vector<uint32_t> refused;
  for (const auto& [id, stream] : streams_) {
    if (id > last) refused.push_back(id);
  }
  for (const uint32_t id : refused) Close(id, {kUnavailable, "server is going away"});
}

}  // namespace keelson::kvbench
