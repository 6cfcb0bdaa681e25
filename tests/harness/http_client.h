// A client of HTTP/1.1 on loopback over one kept connection: whole answers, and those that come
// line by line.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace keelson::testing {

struct HttpMessage {
  int status = 0;
  std::map<std::string, std::string> headers = {};  // names in lower case
  std::string body = {};
};

// One thread. Every operation gives up after the timeout.
class HttpClient {
 public:
  static absl::StatusOr<std::unique_ptr<HttpClient>> Connect(int port, absl::Duration timeout);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Sends bytes as they are.
  absl::Status Write(std::string_view bytes);
  // Sends a POST with a body; `fields` are further lines, each with its CRLF.
  absl::Status SendPost(const std::string& path, const std::string& body,
                        const std::string& fields = "");

  // The next answer, whole. `to_head`: of a HEAD request, so without a body.
  absl::StatusOr<HttpMessage> Read(bool to_head = false);
  // Its head alone; ReadLine then gives its body.
  absl::StatusOr<HttpMessage> ReadHead();
  // The next line of a chunked body, without its end; NotFound where the body has ended.
  absl::StatusOr<std::string> ReadLine();

  // A POST and its whole answer.
  absl::StatusOr<HttpMessage> Post(const std::string& path, const std::string& body,
                                   const std::string& fields = "");

 private:
  explicit HttpClient(int fd) : fd_(fd) {}
  absl::Status Fill();
  absl::StatusOr<std::string> TakeLine();
  absl::StatusOr<std::string> TakeBytes(size_t count);
  // The next chunk; empty for the last.
  absl::StatusOr<std::string> TakeChunk();

  const int fd_;
  std::string input_;   // received, not yet taken
  std::string chunks_;  // of a body that is read by lines
};

}  // namespace keelson::testing
