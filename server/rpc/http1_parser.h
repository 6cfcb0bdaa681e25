// A strict parser of HTTP/1.1 requests (RFC 9112). Pure; fed with any cut of the bytes.
//
//            line            empty line, body        all bytes / last chunk
//  kRequestLine -> kFields -----------------> kBody / kChunk* ---------------> kDone
//                     |  empty line, no body                                    ^
//                     +--------------------------------------------------------+
//  any state -> kFailed on the first violation; error_status() says which answer it deserves.
//
// Refused on purpose, because lenience is how requests get smuggled: bare LF, folded lines, space
// before the colon, both Content-Length and Transfer-Encoding, repeated Content-Length or Host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keelson::server {

struct Http1Limits {
  size_t max_head_bytes = 64 << 10;
  size_t max_body_bytes = 2 << 20;
};

struct Http1Request {
  std::string method;
  std::string target;  // origin form: path and query
  int minor_version = 1;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  bool keep_alive = true;
};

class Http1Parser {
 public:
  explicit Http1Parser(Http1Limits limits) : limits_(limits) {}

  // Takes bytes from the front and returns how many; stops behind one whole request and on an
  // error. REQUIRES: neither done() nor failed().
  size_t Feed(std::string_view bytes);

  bool done() const { return state_ == State::kDone; }
  bool failed() const { return state_ == State::kFailed; }
  // No byte of a request has come yet.
  bool idle() const { return state_ == State::kRequestLine && line_.empty() && head_bytes_ == 0; }
  bool in_body() const { return state_ >= State::kBody && state_ <= State::kTrailers; }

  // The client waits for "100 Continue" before it sends the body. True once.
  bool TakeExpectContinue() { return std::exchange(expect_continue_, false); }

  // REQUIRES: done().
  const Http1Request& request() const { return request_; }

  // 400, 413, 414, 417, 431, 501 or 505, and why. REQUIRES: failed().
  int error_status() const { return error_status_; }
  const std::string& error() const { return error_; }

  // Makes ready for the next request of the connection.
  void Reset();

 private:
  enum class State {
    kRequestLine,
    kFields,
    kBody,
    kChunkSize,
    kChunkData,
    kChunkEnd,
    kTrailers,
    kDone,
    kFailed
  };

  size_t FeedLine(std::string_view bytes);
  size_t FeedData(std::string_view bytes);
  void OnLine(std::string_view line);
  void OnRequestLine(std::string_view line);
  void OnTarget(std::string_view target);
  void OnField(std::string_view line);
  void OnHeadEnd();
  void OnConnection();
  bool OnHost();
  bool OnBodyLength();
  bool OnExpect();
  void OnChunkSize(std::string_view line);
  void Fail(int status, std::string_view why);

  // How often a field occurs, and its last value.
  struct Found {
    int count = 0;
    std::string_view value;
  };
  Found FindField(std::string_view name) const;

  const Http1Limits limits_;
  State state_ = State::kRequestLine;
  std::string line_;       // the unfinished line
  size_t head_bytes_ = 0;  // of head, chunk lines and trailers so far
  size_t body_left_ = 0;   // of the body, or of the chunk
  bool expect_continue_ = false;
  Http1Request request_;
  int error_status_ = 0;
  std::string error_;
};

}  // namespace keelson::server
