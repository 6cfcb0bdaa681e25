#include "server/peer/frame_reader.h"

#include <cstring>

#include "base/check.h"
#include "server/peer/codec.h"

namespace keelson::server {

FrameReader::FrameReader() : buffer_(new char[kInitialBytes]), capacity_(kInitialBytes) {}

absl::Span<char> FrameReader::Space() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (capacity_ > kKeepBytes) MoveTo(kInitialBytes);
  } else if (end_ == capacity_) {
    // What is left is one unfinished frame. Doubled only when it fills at least half of the buffer.
    MoveTo(end_ - begin_ >= capacity_ / 2 ? capacity_ * 2 : capacity_);
  }
  return {buffer_.get() + end_, capacity_ - end_};
}

void FrameReader::MoveTo(size_t capacity) {
  if (capacity == capacity_) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
  } else {
    std::unique_ptr<char[]> moved(new char[capacity]);
    std::memcpy(moved.get(), buffer_.get() + begin_, end_ - begin_);
    buffer_ = std::move(moved);
    capacity_ = capacity;
  }
  end_ -= begin_;
  begin_ = 0;
}

void FrameReader::Filled(size_t count) {
  KEELSON_CHECK(count <= capacity_ - end_, "no more than the space");
  end_ += count;
}

void FrameReader::Consume(size_t count) {
  KEELSON_CHECK(count <= end_ - begin_, "no more than there is");
  begin_ += count;
}

absl::StatusOr<std::string_view> FrameReader::NextFrame() {
  const std::string_view bytes = buffered();
  if (bytes.size() < kFrameHeadBytes) return std::string_view();
  const absl::StatusOr<FrameHead> head = ParseFrameHead(bytes);
  if (!head.ok()) return head.status();
  if (bytes.size() < head->frame_bytes()) return std::string_view();
  Consume(head->frame_bytes());
  return bytes.substr(0, head->frame_bytes());
}

}  // namespace keelson::server
