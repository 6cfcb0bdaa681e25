#include "server/rpc/http2_config.h"

#include <nghttp2/nghttp2.h>

#include <string_view>

#include "base/check.h"
#include "server/rpc/http2_session.h"

// The C side of Http2Session: each callback finds the objects and passes on.
namespace keelson::server {
namespace {

Http2Session& SessionOf(void* user_data) { return *static_cast<Http2Session*>(user_data); }

Http2Stream* StreamOf(nghttp2_session* raw, int32_t id) {
  return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(raw, id));
}

std::string_view View(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

bool IsRequest(const nghttp2_frame* frame) {
  return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

int OnBeginHeaders(nghttp2_session* raw, const nghttp2_frame* frame, void* user_data) {
  SessionOf(user_data).OnHeaderBlock(/*open=*/true);
  if (!IsRequest(frame)) return 0;
  Http2Stream* stream = SessionOf(user_data).OnNewStream(frame->hd.stream_id);
  nghttp2_session_set_stream_user_data(raw, frame->hd.stream_id, stream);
  return 0;
}

int OnHeader(nghttp2_session* raw, const nghttp2_frame* frame, const uint8_t* name,
             size_t name_size, const uint8_t* value, size_t value_size, uint8_t /*flags*/,
             void* /*user_data*/) {
  Http2Stream* stream = StreamOf(raw, frame->hd.stream_id);
  if (stream == nullptr) return 0;
  if (IsRequest(frame)) {
    stream->AddField(View(name, name_size), View(value, value_size));
  } else {
    stream->AddTrailer(View(name, name_size));
  }
  return 0;
}

int OnFrameReceived(nghttp2_session* raw, const nghttp2_frame* frame, void* user_data) {
  Http2Session& session = SessionOf(user_data);
  if (frame->hd.type == NGHTTP2_SETTINGS) session.OnSettings();
  if (frame->hd.type == NGHTTP2_PING) {
    (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 ? session.OnPingAck() : session.OnPing();
  }
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
  if (frame->hd.type == NGHTTP2_HEADERS) session.OnHeaderBlock(/*open=*/false);
  Http2Stream* stream = StreamOf(raw, frame->hd.stream_id);
  if (stream == nullptr) return 0;
  const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (IsRequest(frame)) {
    session.OnRequestComplete(*stream);
  } else if (frame->hd.type == NGHTTP2_HEADERS) {
    session.OnTrailersComplete(*stream, last);
  }
  if (last) session.OnHalfClose(*stream);
  return 0;
}

int OnDataChunk(nghttp2_session* raw, uint8_t /*flags*/, int32_t id, const uint8_t* bytes,
                size_t size, void* user_data) {
  // The connection's window is given back at once, so that a stream that is not read holds back
  // only itself.
  nghttp2_session_consume_connection(raw, size);
  if (Http2Stream* stream = StreamOf(raw, id)) {
    SessionOf(user_data).OnData(*stream, View(bytes, size));
  } else {
    nghttp2_session_consume_stream(raw, id, size);
  }
  return 0;
}

int OnStreamClose(nghttp2_session* raw, int32_t id, uint32_t /*error_code*/, void* user_data) {
  Http2Stream* stream = StreamOf(raw, id);
  if (stream == nullptr) return 0;
  nghttp2_session_set_stream_user_data(raw, id, nullptr);
  SessionOf(user_data).OnStreamClosed(*stream);
  return 0;
}

int OnFrameSent(nghttp2_session* raw, const nghttp2_frame* frame, void* user_data) {
  Http2Session& session = SessionOf(user_data);
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA:
      session.OnAnswerSent();
      if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
          nghttp2_session_get_stream_remote_close(raw, frame->hd.stream_id) == 0) {
        session.OnEndSent(frame->hd.stream_id);
      }
      break;
    case NGHTTP2_RST_STREAM:
      session.OnResetSent(frame->rst_stream.error_code);
      break;
    case NGHTTP2_GOAWAY:
      session.OnGoawaySent(frame->goaway.error_code);
      break;
    default:
      break;
  }
  return 0;
}

ssize_t ReadBody(nghttp2_session* raw, int32_t id, uint8_t* /*buffer*/, size_t limit,
                 uint32_t* flags, nghttp2_data_source* source, void* user_data) {
  static_cast<void>(raw);
  static_cast<void>(id);
  bool last = false;
  bool trailers = false;
  const size_t size = SessionOf(user_data).OfferBody(*static_cast<Http2Stream*>(source->ptr), limit,
                                                     &last, &trailers);
  if (size == 0 && !last) return NGHTTP2_ERR_DEFERRED;
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (last) *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (trailers) *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
  return static_cast<ssize_t>(size);
}

int SendData(nghttp2_session* /*raw*/, nghttp2_frame* frame, const uint8_t* frame_head, size_t size,
             nghttp2_data_source* source, void* user_data) {
  constexpr size_t kFrameHeadBytes = 9;
  KEELSON_CHECK(frame->data.padlen == 0, "we never pad");
  SessionOf(user_data).SendBody(*static_cast<Http2Stream*>(source->ptr),
                                View(frame_head, kFrameHeadBytes), size);
  return 0;
}

}  // namespace

Http2Config::Http2Config(const FrontEndOptions& options) {
  KEELSON_CHECK(nghttp2_session_callbacks_new(&callbacks_) == 0, "out of memory");
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks_, OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks_, OnHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks_, OnFrameReceived);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks_, OnDataChunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks_, OnStreamClose);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks_, OnFrameSent);
  nghttp2_session_callbacks_set_send_data_callback(callbacks_, SendData);

  KEELSON_CHECK(nghttp2_option_new(&option_) == 0, "out of memory");
  nghttp2_option_set_no_auto_window_update(option_, 1);
  nghttp2_option_set_no_closed_streams(option_, 1);
  nghttp2_option_set_no_http_messaging(option_, 1);  // see Http2Rules
  nghttp2_option_set_stream_reset_rate_limit(option_, options.stream_reset_burst,
                                             options.stream_reset_per_second);
}

Http2Config::~Http2Config() {
  nghttp2_session_callbacks_del(callbacks_);
  nghttp2_option_del(option_);
}

nghttp2_data_provider BodyOf(Http2Stream& stream) {
  nghttp2_data_provider provider;
  provider.source.ptr = &stream;
  provider.read_callback = ReadBody;
  return provider;
}

}  // namespace keelson::server
