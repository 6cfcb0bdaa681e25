#include "server/rpc/message_deframer.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace keelson::server {
namespace {

// A buffer that grew beyond this is given back once it is empty.
constexpr size_t kKeptCapacity = 64 << 10;

uint32_t ReadLength(std::string_view prefix) {
  uint32_t length = 0;
  for (size_t i = 1; i < kMessagePrefixBytes; ++i) {
    length = (length << 8) | static_cast<unsigned char>(prefix[i]);
  }
  return length;
}

absl::Status Judge(unsigned char flag, uint32_t length, size_t limit) {
  if (length > limit) {
    return absl::ResourceExhaustedError(
        absl::StrCat("grpc: received message larger than max (", length, " vs. ", limit, ")"));
  }
  if (flag == 1) {
    return absl::InternalError("grpc: compressed flag set with identity or empty encoding");
  }
  if (flag != 0) {
    return absl::InternalError(absl::StrCat("grpc: received unexpected payload format ", flag));
  }
  return absl::OkStatus();
}

}  // namespace

void AppendMessagePrefix(size_t size, std::string* out) {
  KEELSON_CHECK(size <= UINT32_MAX, "a gRPC message has a 32-bit length");
  const char prefix[kMessagePrefixBytes] = {0, static_cast<char>(size >> 24),
                                            static_cast<char>(size >> 16),
                                            static_cast<char>(size >> 8), static_cast<char>(size)};
  out->append(prefix, kMessagePrefixBytes);
}

void MessageDeframer::Append(std::string_view bytes) {
  DropConsumed();
  buffer_.append(bytes);
}

absl::Status MessageDeframer::CheckPrefix() const {
  const std::string_view rest = std::string_view(buffer_).substr(position_);
  if (rest.size() < kMessagePrefixBytes) return error_;
  return Judge(static_cast<unsigned char>(rest[0]), ReadLength(rest), max_message_bytes_);
}

MessageDeframer::Result MessageDeframer::Next(std::string_view* message) {
  if (!error_.ok()) return Result::kError;
  error_ = CheckPrefix();
  if (!error_.ok()) return Result::kError;
  const std::string_view rest = std::string_view(buffer_).substr(position_);
  if (rest.size() < kMessagePrefixBytes) return Result::kNeedMore;
  const uint32_t length = ReadLength(rest);
  if (rest.size() - kMessagePrefixBytes < length) return Result::kNeedMore;
  *message = rest.substr(kMessagePrefixBytes, length);
  position_ += kMessagePrefixBytes + length;
  return Result::kMessage;
}

void MessageDeframer::DropConsumed() {
  if (position_ == 0) return;
  if (position_ < buffer_.size()) {
    buffer_.erase(0, position_);
  } else if (buffer_.capacity() > kKeptCapacity) {
    std::string().swap(buffer_);
  } else {
    buffer_.clear();
  }
  position_ = 0;
}

}  // namespace keelson::server
