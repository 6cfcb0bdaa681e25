// An HTTP/2 client for tests: nghttp2's client side over bytes, and raw frames to be wrong with.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct nghttp2_session;

namespace keelson::server {

using FieldList = std::vector<std::pair<std::string, std::string>>;

// What came back on one stream.
struct StreamAnswer {
  FieldList headers;
  FieldList trailers;
  std::string data;
  bool ended = false;             // END_STREAM seen
  bool closed = false;            // by END_STREAM on both sides or by a reset
  std::optional<uint32_t> reset;  // error code of a RST_STREAM
  std::string Header(std::string_view name) const;
  std::string Trailer(std::string_view name) const;
  // "code message" from trailers, or from the headers if there are no trailers.
  std::string GrpcStatus() const;
  // The messages in `data`, without their prefixes.
  std::vector<std::string> Messages() const;
};

class H2Client {
 public:
  // With `auto_window` false no room is given back to the server.
  explicit H2Client(bool auto_window = true);
  ~H2Client();
  H2Client(const H2Client&) = delete;
  H2Client& operator=(const H2Client&) = delete;

  // Bytes for the server. The first ones hold the preface and SETTINGS.
  std::string TakeOutput();
  // Bytes from the server.
  void Receive(std::string_view bytes);

  // Starts a stream; with `end` there is no body. Returns its id.
  int32_t Request(const FieldList& fields, bool end);
  // A gRPC request without body so far.
  int32_t GrpcRequest(std::string_view path, const FieldList& extra = {});
  // Adds to the body of a stream; `end` closes our side.
  void Data(int32_t stream, std::string_view bytes, bool end);
  // Sends one framed message.
  void Message(int32_t stream, std::string_view message, bool end);
  void Reset(int32_t stream, uint32_t code);
  void Ping();
  // Gives the server room for `bytes` more on a stream and on the connection.
  void Grant(int32_t stream, int32_t bytes);
  void SetInitialWindow(uint32_t bytes);

  StreamAnswer& answer(int32_t stream) { return answers_[stream]; }
  std::optional<uint32_t> goaway() const { return goaway_; }
  const std::string& goaway_text() const { return goaway_text_; }
  int pings() const { return pings_; }
  int ping_acks() const { return ping_acks_; }

 private:
  friend struct H2ClientCallbacks;
  struct Body {
    std::string bytes;
    bool end = false;
    bool waiting = false;
  };

  nghttp2_session* raw_ = nullptr;
  std::map<int32_t, Body> bodies_;
  std::map<int32_t, StreamAnswer> answers_;
  std::optional<uint32_t> goaway_;
  std::string goaway_text_;
  int pings_ = 0;
  int ping_acks_ = 0;
};

// `message` with gRPC's prefix.
std::string Framed(std::string_view message);

// One raw frame.
std::string RawFrame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload);

// The client preface with an empty SETTINGS frame.
std::string RawPreface();

// An HPACK block without any compression.
std::string RawHeaderBlock(const FieldList& fields);

// The fields of a good gRPC request.
FieldList GrpcFields(std::string_view path);

}  // namespace keelson::server
