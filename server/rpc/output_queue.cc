#include "server/rpc/output_queue.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace keelson::server {

std::string BlockPool::Take() {
  std::string block;
  if (spare_.empty()) {
    block.reserve(kBlockBytes);
  } else {
    block = std::move(spare_.back());
    spare_.pop_back();
  }
  return block;
}

void BlockPool::Give(std::string block) {
  if (spare_.size() >= kMaxSpare || block.capacity() < kBlockBytes) return;
  block.clear();
  spare_.push_back(std::move(block));
}

void OutputQueue::Append(std::string_view bytes) {
  size_ += bytes.size();
  while (!bytes.empty()) {
    // A block never grows beyond its capacity: views that Gather gave out stay valid.
    if (segments_.empty() || segments_.back().shared ||
        segments_.back().block.size() == BlockPool::kBlockBytes) {
      segments_.emplace_back().block = pool_.Take();
    }
    Segment& last = segments_.back();
    const size_t count = std::min(bytes.size(), BlockPool::kBlockBytes - last.block.size());
    last.block.append(bytes.substr(0, count));
    last.end += count;
    bytes.remove_prefix(count);
  }
}

void OutputQueue::AppendShared(const std::shared_ptr<const std::string>& owner, size_t offset,
                               size_t size) {
  KEELSON_CHECK(offset <= owner->size() && size <= owner->size() - offset,
                "a shared slice lies inside its owner");
  if (size < kShareFrom) {
    Append(std::string_view(*owner).substr(offset, size));
    return;
  }
  Segment& segment = segments_.emplace_back();
  segment.shared = owner;
  segment.begin = offset;
  segment.end = offset + size;
  size_ += size;
}

size_t OutputQueue::Gather(std::span<std::string_view> views) const {
  const size_t count = std::min(views.size(), segments_.size());
  for (size_t i = 0; i < count; ++i) views[i] = segments_[i].view();
  return count;
}

void OutputQueue::Consume(size_t count) {
  KEELSON_CHECK(count <= size_, "no more is consumed than is queued");
  size_ -= count;
  while (!segments_.empty()) {
    Segment& front = segments_.front();
    const size_t taken = std::min(count, front.end - front.begin);
    front.begin += taken;
    count -= taken;
    if (front.begin < front.end) return;
    PopFront();
  }
}

void OutputQueue::Clear() {
  while (!segments_.empty()) PopFront();
  size_ = 0;
}

void OutputQueue::PopFront() {
  Segment& front = segments_.front();
  if (!front.shared) pool_.Give(std::move(front.block));
  segments_.pop_front();
}

}  // namespace keelson::server
