// A blocking HTTP/1.1 client: what JSON gateways are called with.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace keelson::differential {

struct HttpReply {
  int status = 0;  // 0: no answer; `body` says why
  std::string content_type = {};
  std::string body = {};
};

// One connection, kept open over requests as far as the server lets it. Not thread-safe. Every call
// gives up after twenty seconds of silence.
class HttpConnection {
 public:
  // `endpoint` is ADDRESS:PORT.
  explicit HttpConnection(const std::string& endpoint);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  // One POST with its whole answer.
  HttpReply Post(const std::string& path, const std::string& body);

  // The same in two steps: the head of the answer, then its body line by line. Nullopt at its end.
  HttpReply Begin(const std::string& path, const std::string& body);
  std::optional<std::string> ReadLine();

 private:
  bool Connect();
  void Close();
  bool SendAll(const std::string& bytes);
  bool Receive();
  std::optional<std::string> TakeLine();  // of the connection
  // Moves the next part of the body into decoded_; false at its end.
  bool ReadPart();
  bool ReadChunkHead();

  const std::string endpoint_;
  int socket_ = -1;
  std::string received_;  // of the connection, not looked at yet
  std::string decoded_;   // of the body, not taken yet
  bool chunked_ = false;
  size_t left_ = 0;  // of the body, or of its chunk
  bool ended_ = true;
  bool keep_ = true;
};

}  // namespace keelson::differential
