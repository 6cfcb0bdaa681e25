// A connected byte stream to another member. TCP today; TLS is another implementation.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <system_error>

#include "absl/types/span.h"
#include "server/node/seams.h"

namespace keelson::server {

// Loop thread only. Callbacks run on the loop, never from inside a call; after Close they get an
// error. The destructor closes.
class PeerStream {
 public:
  virtual ~PeerStream() = default;

  // Reads at least one byte into `space`, which the caller keeps until `done`. One at a time. An
  // end of the stream is an error (asio::error::eof).
  virtual void Read(absl::Span<char> space,
                    std::function<void(std::error_code error, size_t bytes)> done) = 0;

  // Hands what fits now to the kernel, with one system call. Returns the number of bytes taken; 0
  // without an error: nothing fits.
  virtual size_t Write(absl::Span<const std::string_view> pieces, std::error_code& error) = 0;

  // Calls `done` when Write may take something again. One at a time.
  virtual void WhenWritable(std::function<void(std::error_code error)> done) = 0;

  virtual void Close() = 0;
};

// The most pieces that one Write takes.
inline constexpr size_t kMaxWritePieces = 64;

}  // namespace keelson::server
