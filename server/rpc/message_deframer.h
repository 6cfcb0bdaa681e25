// Cuts gRPC's length-prefixed messages out of a stream of bytes.
//
//   byte 0      compressed flag, must be 0
//   bytes 1..4  length of the message, big endian
//   then        the message
//
// Pure; holds at most one unfinished message and what came with the last Append.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace keelson::server {

inline constexpr size_t kMessagePrefixBytes = 5;

// Writes the prefix for a message of `size` bytes. REQUIRES: size < 2^32.
void AppendMessagePrefix(size_t size, std::string* out);

class MessageDeframer {
 public:
  enum class Result { kNeedMore, kMessage, kError };

  explicit MessageDeframer(size_t max_message_bytes) : max_message_bytes_(max_message_bytes) {}

  void Append(std::string_view bytes);

  // The next whole message, valid until the next Append. After kError, which error() explains,
  // every further call gives kError.
  Result Next(std::string_view* message);

  // What Next would find wrong with the prefix that comes next, also before its message is whole.
  absl::Status CheckPrefix() const;

  // ResourceExhausted for a message over the limit, Internal for a wrong prefix.
  const absl::Status& error() const { return error_; }

  // Bytes held that Next has not given out.
  size_t buffered_bytes() const { return buffer_.size() - position_; }

 private:
  void DropConsumed();

  const size_t max_message_bytes_;
  std::string buffer_;
  size_t position_ = 0;  // start of what Next has not given out
  absl::Status error_;
};

}  // namespace keelson::server
