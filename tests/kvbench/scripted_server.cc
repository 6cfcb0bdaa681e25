#include "tests/kvbench/scripted_server.h"

#include <algorithm>
#include <cstring>

#include "bench/kvbench/h2_frame.h"

namespace keelson::kvbench {
namespace {

nghttp2_nv Field(std::string_view name, std::string_view value) {
  return {.name = reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
          .value = reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())),
          .namelen = name.size(),
          .valuelen = value.size(),
          .flags = NGHTTP2_NV_FLAG_NONE};
}

std::string Text(const uint8_t* data, size_t size) {
  return std::string(reinterpret_cast<const char*>(data), size);
}

}  // namespace

ScriptedServer::ScriptedServer(std::vector<nghttp2_settings_entry> settings, OnRequest on_request)
    : on_request_(std::move(on_request)) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnClose);
  nghttp2_session_server_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
}

ScriptedServer::~ScriptedServer() { nghttp2_session_del(session_); }

bool ScriptedServer::Feed(std::string_view bytes) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  return nghttp2_session_mem_recv(session_, data, bytes.size()) ==
         static_cast<ssize_t>(bytes.size());
}

std::string ScriptedServer::TakeOutput() {
  std::string output;
  const uint8_t* data = nullptr;
  while (true) {
    const ssize_t size = nghttp2_session_mem_send(session_, &data);
    if (size <= 0) return output;
    output += Text(data, static_cast<size_t>(size));
  }
}

void ScriptedServer::StartAnswer(int32_t stream, Call& call) {
  if (call.answered) {
    nghttp2_session_resume_data(session_, stream);
    return;
  }
  call.answered = true;
  const nghttp2_nv headers[] = {Field(":status", "200"), Field("content-type", "application/grpc")};
  nghttp2_data_provider provider{.source = {}, .read_callback = Provide};
  nghttp2_submit_response(session_, stream, headers, 2, &provider);
}

void ScriptedServer::Send(int32_t stream, const std::string& message) {
  Call& call = calls_[stream];
  call.pending.push_back('\0');
  h2::Append32(static_cast<uint32_t>(message.size()), call.pending);
  call.pending += message;
  StartAnswer(stream, call);
}

void ScriptedServer::Finish(int32_t stream, int grpc_status, const std::string& grpc_message) {
  Call& call = calls_[stream];
  call.finished = true;
  call.grpc_status = grpc_status;
  call.grpc_message = grpc_message;
  if (call.answered) {
    nghttp2_session_resume_data(session_, stream);
    return;
  }
  // "Trailers only": one block that is both.
  const std::string status = std::to_string(grpc_status);
  const nghttp2_nv headers[] = {Field(":status", "200"), Field("content-type", "application/grpc"),
                                Field("grpc-status", status), Field("grpc-message", grpc_message)};
  nghttp2_submit_response(session_, stream, headers, 4, nullptr);
}

void ScriptedServer::Reset(int32_t stream, uint32_t error) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, error);
}

void ScriptedServer::GoAway(int32_t last_stream) {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last_stream, NGHTTP2_NO_ERROR, nullptr, 0);
}

void ScriptedServer::Ping() { nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr); }

bool ScriptedServer::cancelled(int32_t stream) const {
  const auto found = calls_.find(stream);
  return found != calls_.end() && found->second.cancelled;
}

int ScriptedServer::OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                             size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                             void* self) {
  auto* server = static_cast<ScriptedServer*>(self);
  if (Text(name, name_size) == ":path") {
    server->calls_[frame->hd.stream_id].path = Text(value, value_size);
  }
  return 0;
}

int ScriptedServer::OnData(nghttp2_session*, uint8_t, int32_t stream, const uint8_t* data,
                           size_t size, void* self) {
  static_cast<ScriptedServer*>(self)->calls_[stream].received += Text(data, size);
  return 0;
}

int ScriptedServer::OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  if (frame->hd.type != NGHTTP2_DATA) return 0;
  const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  static_cast<ScriptedServer*>(self)->Deliver(frame->hd.stream_id, end);
  return 0;
}

int ScriptedServer::OnClose(nghttp2_session*, int32_t stream, uint32_t error, void* self) {
  Call& call = static_cast<ScriptedServer*>(self)->calls_[stream];
  call.cancelled = error == NGHTTP2_CANCEL;
  return 0;
}

void ScriptedServer::Deliver(int32_t stream, bool end) {
  std::string& received = calls_[stream].received;
  while (received.size() >= h2::kGrpcPrefixSize) {
    const size_t size = h2::Load32(std::string_view(received).substr(1));
    if (received.size() < h2::kGrpcPrefixSize + size) return;
    const std::string message = received.substr(h2::kGrpcPrefixSize, size);
    received.erase(0, h2::kGrpcPrefixSize + size);
    ++requests_;
    on_request_(stream, calls_[stream].path, message, end && received.empty());
  }
}

ssize_t ScriptedServer::Provide(nghttp2_session* session, int32_t stream, uint8_t* buffer,
                                size_t size, uint32_t* flags, nghttp2_data_source*, void* self) {
  Call& call = static_cast<ScriptedServer*>(self)->calls_[stream];
  if (call.pending.empty() && !call.finished) return NGHTTP2_ERR_DEFERRED;
  const size_t take = std::min(size, call.pending.size());
  std::memcpy(buffer, call.pending.data(), take);
  call.pending.erase(0, take);
  if (!call.pending.empty() || !call.finished) return static_cast<ssize_t>(take);
  *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
  const std::string status = std::to_string(call.grpc_status);
  const nghttp2_nv trailers[] = {Field("grpc-status", status),
                                 Field("grpc-message", call.grpc_message)};
  nghttp2_submit_trailer(session, stream, trailers, 2);
  return static_cast<ssize_t>(take);
}

}  // namespace keelson::kvbench
