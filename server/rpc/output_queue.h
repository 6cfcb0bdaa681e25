// Bytes on their way to a socket: small ones copied into blocks, large ones shared by reference.
// One thread.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keelson::server {

// Spare blocks that all queues of a loop share, so that an idle connection owns none.
class BlockPool {
 public:
  static constexpr size_t kBlockBytes = 16 << 10;

  // An empty string with a capacity of at least kBlockBytes.
  std::string Take();
  void Give(std::string block);

 private:
  static constexpr size_t kMaxSpare = 64;
  std::vector<std::string> spare_;
};

class OutputQueue {
 public:
  // From this size on, sharing is cheaper than copying.
  static constexpr size_t kShareFrom = 4 << 10;

  // `pool` must outlive the queue.
  explicit OutputQueue(BlockPool& pool) : pool_(pool) {}
  ~OutputQueue() { Clear(); }
  OutputQueue(const OutputQueue&) = delete;
  OutputQueue& operator=(const OutputQueue&) = delete;

  // Copies `bytes`.
  void Append(std::string_view bytes);

  // Adds bytes [offset, offset + size) of `owner`, by reference when that is worth it.
  void AppendShared(const std::shared_ptr<const std::string>& owner, size_t offset, size_t size);

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Fills `views` from the front, in order; returns how many. They stay valid until Consume, also
  // while more is appended.
  size_t Gather(std::span<std::string_view> views) const;

  // Drops `count` bytes from the front. REQUIRES: count <= size().
  void Consume(size_t count);

  void Clear();

 private:
  struct Segment {
    std::string block;                          // ours, if `shared` is null
    std::shared_ptr<const std::string> shared;  // else
    size_t begin = 0;
    size_t end = 0;
    std::string_view view() const {
      const std::string& bytes = shared ? *shared : block;
      return std::string_view(bytes).substr(begin, end - begin);
    }
  };

  void PopFront();

  BlockPool& pool_;
  std::deque<Segment> segments_;
  size_t size_ = 0;
};

}  // namespace keelson::server
