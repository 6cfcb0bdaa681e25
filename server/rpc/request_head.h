// The head of one HTTP/2 request, collected field by field.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace keelson::server {

class RequestHead {
 public:
  // Takes one field, names in lower case as HTTP/2 demands. Beyond `max_bytes` (RFC 9113 section
  // 6.5.2's measure) fields are dropped and too_large() holds.
  void Add(std::string_view name, std::string_view value, size_t max_bytes);

  // Call once after the last field: decodes binary metadata.
  void Complete();

  bool too_large() const { return too_large_; }
  bool is_grpc() const { return is_grpc_; }
  const std::string& method() const { return method_; }
  const std::string& path() const { return path_; }
  const std::string& authority() const { return authority_; }
  std::optional<std::chrono::nanoseconds> timeout() const { return timeout_; }

  // What of a gRPC request's own fields we refuse: a malformed timeout, binary metadata that is not
  // base64, a compression we do not have.
  const absl::Status& grpc_error() const { return grpc_error_; }

  // gRPC: the metadata. Otherwise: the headers. The caller may move it away.
  std::vector<std::pair<std::string, std::string>>& fields() { return fields_; }

 private:
  void AddPseudo(std::string_view name, std::string_view value);
  bool AddReserved(std::string_view name, std::string_view value);
  void DecodeBinaryFields();

  size_t bytes_ = 0;
  bool too_large_ = false;
  bool is_grpc_ = false;
  std::string method_;
  std::string path_;
  std::string authority_;
  std::optional<std::chrono::nanoseconds> timeout_;
  absl::Status grpc_error_;
  std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace keelson::server
