// The receive buffer of a connection: bytes in, whole frames out.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace keelson::server {

// Grows with what has arrived, never with what a length promises. Single owner, one thread.
class FrameReader {
 public:
  static constexpr size_t kInitialBytes = 64 << 10;
  // More than this is given back as soon as the buffer is empty.
  static constexpr size_t kKeepBytes = 2 << 20;

  FrameReader();

  // Where the next bytes go; never empty. Invalidates what NextFrame and buffered returned.
  absl::Span<char> Space();
  // `count` bytes were written to the front of Space().
  void Filled(size_t count);

  // All that has arrived and was not consumed.
  std::string_view buffered() const { return {buffer_.get() + begin_, end_ - begin_}; }
  // REQUIRES: count <= buffered().size().
  void Consume(size_t count);

  // The next whole frame, consumed; empty when more bytes are needed. DataLoss when what has
  // arrived is no frame. It holds until the next call of Space.
  absl::StatusOr<std::string_view> NextFrame();

 private:
  void MoveTo(size_t capacity);

  std::unique_ptr<char[]> buffer_;
  size_t capacity_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace keelson::server
