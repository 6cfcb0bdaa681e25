// The answer bytes of one stream that wait for the connection to take them.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/container/inlined_vector.h"
#include "server/rpc/output_queue.h"

namespace keelson::server {

class StreamBody {
 public:
  void Append(std::string bytes);
  void AppendShared(std::shared_ptr<const std::string> bytes);

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Moves `count` bytes to `out`. REQUIRES: count <= size().
  void Take(size_t count, OutputQueue& out);

 private:
  struct Piece {
    std::string bytes;                          // ours, if `shared` is null
    std::shared_ptr<const std::string> shared;  // else
    size_t size() const { return shared ? shared->size() : bytes.size(); }
  };

  // Most streams hold one piece, so a vector with a moving front beats a deque.
  absl::InlinedVector<Piece, 1> pieces_;
  size_t first_ = 0;   // pieces before it are taken
  size_t offset_ = 0;  // into pieces_[first_]
  size_t size_ = 0;
};

}  // namespace keelson::server
