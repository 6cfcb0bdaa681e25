// Cuts the bytes of one stream into gRPC messages (5-byte prefix: compressed flag, length).
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "bench/kvbench/h2_frame.h"

namespace keelson::kvbench {

// Use either Next or NextChunk on one stream, never both. Compression is never negotiated, so the
// flag byte is not looked at.
class GrpcReader {
 public:
  // Consumes from `bytes`. True: `message` is one whole message, a view into `bytes` or into
  // `scratch`. False: `bytes` is used up, and an unfinished message is kept.
  bool Next(std::string_view& bytes, std::string& scratch, std::string_view& message) {
    if (partial_.empty() && TakeWhole(bytes, message)) return true;
    Fill(h2::kGrpcPrefixSize, bytes);
    if (partial_.size() < h2::kGrpcPrefixSize) return false;
    const size_t total = h2::kGrpcPrefixSize + MessageSize(partial_);
    partial_.reserve(std::min(total, kMaxReserve));
    Fill(total, bytes);
    if (partial_.size() < total) return false;
    scratch.swap(partial_);
    partial_.clear();
    message = std::string_view(scratch).substr(h2::kGrpcPrefixSize);
    return true;
  }

  // Consumes from `bytes`. True: `part` is the next piece of message content.
  bool NextChunk(std::string_view& bytes, std::string_view& part) {
    while (message_left_ == 0) {
      Fill(h2::kGrpcPrefixSize, bytes);
      if (partial_.size() < h2::kGrpcPrefixSize) return false;
      message_left_ = MessageSize(partial_);
      partial_.clear();
    }
    part = bytes.substr(0, message_left_);
    bytes.remove_prefix(part.size());
    message_left_ -= part.size();
    return !part.empty();
  }

 private:
  static constexpr size_t kMaxReserve = 64u << 20;

  static size_t MessageSize(std::string_view prefix) { return h2::Load32(prefix.substr(1)); }

  static bool TakeWhole(std::string_view& bytes, std::string_view& message) {
    if (bytes.size() < h2::kGrpcPrefixSize) return false;
    const size_t size = MessageSize(bytes);
    if (bytes.size() - h2::kGrpcPrefixSize < size) return false;
    message = bytes.substr(h2::kGrpcPrefixSize, size);
    bytes.remove_prefix(h2::kGrpcPrefixSize + size);
    return true;
  }

  // Moves bytes into `partial_` until it holds `size`.
  void Fill(size_t size, std::string_view& bytes) {
    const size_t missing = size - std::min(size, partial_.size());
    const std::string_view taken = bytes.substr(0, missing);
    partial_.append(taken);
    bytes.remove_prefix(taken.size());
  }

  std::string partial_;
  size_t message_left_ = 0;
};

}  // namespace keelson::kvbench
