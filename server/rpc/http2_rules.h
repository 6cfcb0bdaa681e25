// Which fields and how many body bytes make a good HTTP/2 request (RFC 9113, section 8).
//
// nghttp2's own check is off: it refuses an :authority that is a URL, as etcd's clients in Go send
// it for endpoints that were given as URLs.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace keelson::server {

// Of one request, in the order of its fields. Pure.
class Http2Rules {
 public:
  enum class Verdict {
    kTake,
    kDrop,       // the field, since its bytes could hurt whoever it is passed on to
    kMalformed,  // the request
  };

  Verdict OnField(std::string_view name, std::string_view value);
  // Whether nothing is missing. Once, after the last field.
  bool IsComplete() const;
  static bool IsGoodTrailer(std::string_view name);

  // The body's bytes as they come, and its end. False: they contradict the content-length.
  bool OnBody(uint64_t bytes);
  bool OnEnd() const { return !length_ || received_ == *length_; }

 private:
  bool OnPseudo(std::string_view name, std::string_view value);
  bool OnContentLength(std::string_view value);

  bool fields_begun_ = false;  // no pseudo-field may follow
  bool method_ = false;
  bool scheme_ = false;
  bool path_ = false;
  bool authority_ = false;
  std::optional<uint64_t> length_;
  uint64_t received_ = 0;
};

}  // namespace keelson::server
