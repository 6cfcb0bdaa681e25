#include "server/peer/scatter_list.h"

#include <cstring>
#include <utility>

#include "base/check.h"

namespace keelson::server {
namespace {

// Copied pieces are not grown beyond this, so that a long queue is not moved again and again.
constexpr size_t kCopyChunk = 64 << 10;

}  // namespace

void ScatterList::Copy(std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(Extend(bytes.size()), bytes.data(), bytes.size());
}

char* ScatterList::Extend(size_t count) {
  KEELSON_CHECK(count > 0, "no empty pieces");
  if (pieces_.empty() || pieces_.back().shared != nullptr ||
      pieces_.back().own.size() + count > kCopyChunk) {
    pieces_.emplace_back();
  }
  std::string& own = pieces_.back().own;
  own.resize(own.size() + count);
  bytes_ += count;
  return own.data() + own.size() - count;
}

void ScatterList::Share(std::shared_ptr<const std::string> bytes) {
  if (bytes == nullptr) return;
  if (bytes->size() < kCopyBelow) return Copy(*bytes);
  bytes_ += bytes->size();
  pieces_.push_back({.own = {}, .shared = std::move(bytes)});
}

void ScatterList::Take(std::string bytes) {
  if (bytes.size() < kCopyBelow) return Copy(bytes);
  bytes_ += bytes.size();
  pieces_.push_back({.own = std::move(bytes), .shared = nullptr});
}

size_t ScatterList::Pieces(absl::Span<std::string_view> pieces) const {
  size_t count = 0;
  for (const Piece& piece : pieces_) {
    if (count == pieces.size()) break;
    const std::string_view view = piece.view().substr(count == 0 ? consumed_ : 0);
    if (!view.empty()) pieces[count++] = view;
  }
  return count;
}

void ScatterList::Consume(size_t count) {
  KEELSON_CHECK(count <= bytes_, "no more than there is");
  bytes_ -= count;
  consumed_ += count;
  while (!pieces_.empty() && consumed_ >= pieces_.front().view().size()) {
    Piece& first = pieces_.front();
    consumed_ -= first.view().size();
    if (pieces_.size() == 1 && first.shared == nullptr) {
      // Keeps the memory for the next turn, unless it is a large piece that was taken whole.
      first.own.clear();
      if (first.own.capacity() > kCopyChunk) first.own.shrink_to_fit();
      return;
    }
    pieces_.pop_front();
  }
}

void ScatterList::Clear() {
  pieces_.clear();
  consumed_ = 0;
  bytes_ = 0;
}

std::string ScatterList::ToString() const {
  std::string all;
  all.reserve(bytes_);
  size_t skip = consumed_;
  for (const Piece& piece : pieces_) {
    all.append(piece.view().substr(skip));
    skip = 0;
  }
  return all;
}

}  // namespace keelson::server
