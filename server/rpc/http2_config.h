// nghttp2's callback table and options, built once for all connections of a front end.
#pragma once

#include <memory>

#include "server/rpc/options.h"

struct nghttp2_option;
struct nghttp2_session_callbacks;

namespace keelson::server {

class Http2Config {
 public:
  explicit Http2Config(const FrontEndOptions& options);
  ~Http2Config();
  Http2Config(const Http2Config&) = delete;
  Http2Config& operator=(const Http2Config&) = delete;

  const nghttp2_session_callbacks* callbacks() const { return callbacks_; }
  const nghttp2_option* option() const { return option_; }

 private:
  nghttp2_session_callbacks* callbacks_ = nullptr;
  nghttp2_option* option_ = nullptr;
};

}  // namespace keelson::server
