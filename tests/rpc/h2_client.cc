#include "tests/rpc/h2_client.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "server/rpc/message_deframer.h"

namespace keelson::server {
namespace {

std::string Find(const FieldList& fields, std::string_view name) {
  for (const auto& [key, value] : fields) {
    if (key == name) return value;
  }
  return "";
}

nghttp2_nv Nv(const std::pair<std::string, std::string>& field) {
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(field.first.data())),
          reinterpret_cast<uint8_t*>(const_cast<char*>(field.second.data())), field.first.size(),
          field.second.size(), NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

std::string StreamAnswer::Header(std::string_view name) const { return Find(headers, name); }
std::string StreamAnswer::Trailer(std::string_view name) const { return Find(trailers, name); }

std::string StreamAnswer::GrpcStatus() const {
  const FieldList& fields = trailers.empty() ? headers : trailers;
  const std::string message = Find(fields, "grpc-message");
  return Find(fields, "grpc-status") + (message.empty() ? "" : " " + message);
}

std::vector<std::string> StreamAnswer::Messages() const {
  MessageDeframer deframer(1 << 30);
  deframer.Append(data);
  std::vector<std::string> messages;
  std::string_view message;
  while (deframer.Next(&message) == MessageDeframer::Result::kMessage) {
    messages.emplace_back(message);
  }
  KEELSON_CHECK(deframer.buffered_bytes() == 0, "an answer holds whole messages");
  return messages;
}

struct H2ClientCallbacks {
  static H2Client& Of(void* user_data) { return *static_cast<H2Client*>(user_data); }

  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                      void* user_data) {
    StreamAnswer& answer = Of(user_data).answers_[frame->hd.stream_id];
    const bool first = frame->headers.cat == NGHTTP2_HCAT_RESPONSE;
    (first ? answer.headers : answer.trailers)
        .emplace_back(std::string(reinterpret_cast<const char*>(name), name_size),
                      std::string(reinterpret_cast<const char*>(value), value_size));
    return 0;
  }

  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    H2Client& client = Of(user_data);
    const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
      case NGHTTP2_DATA:
        if (end) client.answers_[frame->hd.stream_id].ended = true;
        break;
      case NGHTTP2_RST_STREAM:
        client.answers_[frame->hd.stream_id].reset = frame->rst_stream.error_code;
        break;
      case NGHTTP2_GOAWAY:
        client.goaway_ = frame->goaway.error_code;
        client.goaway_text_.assign(reinterpret_cast<const char*>(frame->goaway.opaque_data),
                                   frame->goaway.opaque_data_len);
        break;
      case NGHTTP2_PING:
        ++((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 ? client.ping_acks_ : client.pings_);
        break;
      default:
        break;
    }
    return 0;
  }

  static int OnChunk(nghttp2_session*, uint8_t, int32_t id, const uint8_t* bytes, size_t size,
                     void* user_data) {
    Of(user_data).answers_[id].data.append(reinterpret_cast<const char*>(bytes), size);
    return 0;
  }

  static int OnClose(nghttp2_session*, int32_t id, uint32_t, void* user_data) {
    Of(user_data).answers_[id].closed = true;
    return 0;
  }

  static ssize_t Read(nghttp2_session*, int32_t id, uint8_t* buffer, size_t limit, uint32_t* flags,
                      nghttp2_data_source*, void* user_data) {
    H2Client::Body& body = Of(user_data).bodies_[id];
    const size_t size = std::min(limit, body.bytes.size());
    std::memcpy(buffer, body.bytes.data(), size);
    body.bytes.erase(0, size);
    if (body.bytes.empty() && body.end) *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (size == 0 && !body.end) {
      body.waiting = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    return static_cast<ssize_t>(size);
  }
};

H2Client::H2Client(bool auto_window) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  KEELSON_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0, "memory");
  KEELSON_CHECK(nghttp2_option_new(&option) == 0, "memory");
  nghttp2_option_set_no_auto_window_update(option, auto_window ? 0 : 1);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, H2ClientCallbacks::OnHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, H2ClientCallbacks::OnFrame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, H2ClientCallbacks::OnChunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, H2ClientCallbacks::OnClose);
  KEELSON_CHECK(nghttp2_session_client_new2(&raw_, callbacks, this, option) == 0, "memory");
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_option_del(option);
  nghttp2_submit_settings(raw_, NGHTTP2_FLAG_NONE, nullptr, 0);
}

H2Client::~H2Client() { nghttp2_session_del(raw_); }

std::string H2Client::TakeOutput() {
  std::string out;
  for (;;) {
    const uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(raw_, &data);
    KEELSON_CHECK(size >= 0, "the test client can send");
    if (size == 0) return out;
    out.append(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
  }
}

void H2Client::Receive(std::string_view bytes) {
  const ssize_t taken =
      nghttp2_session_mem_recv(raw_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  KEELSON_CHECK(taken == static_cast<ssize_t>(bytes.size()), "the server speaks HTTP/2");
}

int32_t H2Client::Request(const FieldList& fields, bool end) {
  std::vector<nghttp2_nv> list;
  for (const auto& field : fields) list.push_back(Nv(field));
  nghttp2_data_provider provider{};
  provider.read_callback = H2ClientCallbacks::Read;
  const int32_t id = nghttp2_submit_request(raw_, nullptr, list.data(), list.size(),
                                            end ? nullptr : &provider, nullptr);
  KEELSON_CHECK(id > 0, "the test client can open a stream");
  return id;
}

int32_t H2Client::GrpcRequest(std::string_view path, const FieldList& extra) {
  FieldList fields = GrpcFields(path);
  fields.insert(fields.end(), extra.begin(), extra.end());
  return Request(fields, false);
}

void H2Client::Data(int32_t stream, std::string_view bytes, bool end) {
  Body& body = bodies_[stream];
  body.bytes.append(bytes);
  body.end = end;
  if (std::exchange(body.waiting, false)) nghttp2_session_resume_data(raw_, stream);
}

void H2Client::Message(int32_t stream, std::string_view message, bool end) {
  Data(stream, Framed(message), end);
}

void H2Client::Reset(int32_t stream, uint32_t code) {
  nghttp2_submit_rst_stream(raw_, NGHTTP2_FLAG_NONE, stream, code);
}

void H2Client::Ping() { nghttp2_submit_ping(raw_, NGHTTP2_FLAG_NONE, nullptr); }

void H2Client::Grant(int32_t stream, int32_t bytes) {
  nghttp2_session_consume_connection(raw_, static_cast<size_t>(bytes));
  nghttp2_session_consume_stream(raw_, stream, static_cast<size_t>(bytes));
}

void H2Client::SetInitialWindow(uint32_t bytes) {
  const nghttp2_settings_entry entry = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, bytes};
  nghttp2_submit_settings(raw_, NGHTTP2_FLAG_NONE, &entry, 1);
}

std::string Framed(std::string_view message) {
  std::string out;
  AppendMessagePrefix(message.size(), &out);
  out.append(message);
  return out;
}

std::string RawFrame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
  std::string out;
  for (int shift : {16, 8, 0}) out.push_back(static_cast<char>(payload.size() >> shift));
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  for (int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(stream >> shift));
  out.append(payload);
  return out;
}

std::string RawPreface() { return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + RawFrame(4, 0, 0, ""); }

std::string RawHeaderBlock(const FieldList& fields) {
  std::string out;
  const auto literal = [&out](std::string_view text) {
    KEELSON_CHECK(text.size() < 127 + 128, "short literals only");
    if (text.size() < 127) {
      out.push_back(static_cast<char>(text.size()));
    } else {
      out.push_back(127);
      out.push_back(static_cast<char>(text.size() - 127));
    }
    out.append(text);
  };
  for (const auto& [name, value] : fields) {
    out.push_back(0);  // literal without indexing, new name
    literal(name);
    literal(value);
  }
  return out;
}

FieldList GrpcFields(std::string_view path) {
  return {{":method", "POST"},
          {":scheme", "http"},
          {":path", std::string(path)},
          {":authority", "localhost"},
          {"content-type", "application/grpc"},
          {"te", "trailers"}};
}

}  // namespace keelson::server
