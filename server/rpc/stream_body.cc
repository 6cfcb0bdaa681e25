#include "server/rpc/stream_body.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/check.h"

namespace keelson::server {

void StreamBody::Append(std::string bytes) {
  if (bytes.empty()) return;
  // A large string is shared with the output queue instead of being copied there.
  if (bytes.size() >= OutputQueue::kShareFrom) {
    return AppendShared(std::make_shared<const std::string>(std::move(bytes)));
  }
  size_ += bytes.size();
  pieces_.push_back({std::move(bytes), nullptr});
}

void StreamBody::AppendShared(std::shared_ptr<const std::string> bytes) {
  if (!bytes || bytes->empty()) return;
  size_ += bytes->size();
  pieces_.push_back({std::string(), std::move(bytes)});
}

void StreamBody::Take(size_t count, OutputQueue& out) {
  KEELSON_CHECK(count <= size_, "no more is taken than is queued");
  size_ -= count;
  while (count > 0) {
    Piece& piece = pieces_[first_];
    const size_t taken = std::min(count, piece.size() - offset_);
    if (piece.shared) {
      out.AppendShared(piece.shared, offset_, taken);
    } else {
      out.Append(std::string_view(piece.bytes).substr(offset_, taken));
    }
    offset_ += taken;
    count -= taken;
    if (offset_ == piece.size()) {
      piece = Piece();
      ++first_;
      offset_ = 0;
    }
  }
  if (first_ == pieces_.size()) {
    pieces_.clear();
    first_ = 0;
  } else if (first_ >= 64 && first_ * 2 >= pieces_.size()) {
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<ptrdiff_t>(first_));
    first_ = 0;
  }
}

}  // namespace keelson::server
