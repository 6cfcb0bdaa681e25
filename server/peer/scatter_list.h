// Bytes waiting to be written, in order. Small pieces are copied together, large ones are shared
// with whoever else holds them.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace keelson::server {

// Single owner, one thread.
class ScatterList {
 public:
  // A shared string below this size is copied: that costs less than one more element of a writev
  // and a reference count that other threads touch too.
  static constexpr size_t kCopyBelow = 1024;

  void Copy(std::string_view bytes);
  // Adds `count` bytes (not 0) for the caller to fill in before the next call.
  char* Extend(size_t count);
  // Null is empty.
  void Share(std::shared_ptr<const std::string> bytes);
  void Take(std::string bytes);

  size_t bytes() const { return bytes_; }
  bool empty() const { return bytes_ == 0; }

  // Fills `pieces` with the first pieces and returns how many; they hold until the next call of a
  // non-const function.
  size_t Pieces(absl::Span<std::string_view> pieces) const;

  // Drops the first `count` bytes. REQUIRES: count <= bytes().
  void Consume(size_t count);

  void Clear();
  std::string ToString() const;

 private:
  struct Piece {
    std::string own;
    std::shared_ptr<const std::string> shared;  // null: `own` holds the bytes
    std::string_view view() const { return shared ? std::string_view(*shared) : own; }
  };

  std::deque<Piece> pieces_;  // none is empty, except one own piece kept for its capacity
  size_t consumed_ = 0;       // of the first piece
  size_t bytes_ = 0;
};

}  // namespace keelson::server
