#include "storage/fs/faulty_inode.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace keelson::storage {
namespace {

bool AllZero(std::string_view data) {
  return std::all_of(data.begin(), data.end(), [](char c) { return c == 0; });
}

}  // namespace

FaultyInode::Bytes& FaultyInode::Writable(std::shared_ptr<Bytes>& bytes) {
  if (bytes == nullptr) {
    bytes = std::make_shared<Bytes>();
    bytes->fill(0);
  } else if (bytes.use_count() > 1) {
    bytes = std::make_shared<Bytes>(*bytes);
  }
  return *bytes;
}

size_t FaultyInode::Read(uint64_t offset, size_t size, char* out) const {
  if (offset >= live_size_) return 0;
  size = std::min<uint64_t>(size, live_size_ - offset);
  for (size_t done = 0; done < size;) {
    uint64_t number = (offset + done) / kPageBytes;
    size_t begin = (offset + done) % kPageBytes;
    size_t step = std::min(size - done, kPageBytes - begin);
    auto page = pages_.find(number);
    if (page == pages_.end() || page->second.live == nullptr) {
      std::memset(out + done, 0, step);
    } else {
      std::memcpy(out + done, page->second.live->data() + begin, step);
    }
    done += step;
  }
  return size;
}

void FaultyInode::Write(uint64_t offset, std::string_view data) {
  KEELSON_CHECK(!is_directory, "bytes go to files");
  while (!data.empty()) {
    size_t begin = offset % kPageBytes;
    size_t step = std::min(data.size(), kPageBytes - begin);
    WritePage(offset / kPageBytes, begin, data.substr(0, step));
    offset += step;
    data.remove_prefix(step);
  }
  if (offset > live_size_) {
    live_size_ = offset;
    size_dirty_ = true;
  }
}

void FaultyInode::WritePage(uint64_t number, size_t begin, std::string_view data) {
  Page& page = pages_[number];
  MarkDirty(number, page);
  // Long runs of zeros (fresh log segments) cost no memory.
  if (data.size() == kPageBytes && AllZero(data)) {
    page.live = nullptr;
    return;
  }
  std::memcpy(Writable(page.live).data() + begin, data.data(), data.size());
}

void FaultyInode::MarkDirty(uint64_t number, Page& page) {
  if (page.dirty) return;
  page.dirty = true;
  dirty_.push_back(number);
}

void FaultyInode::Resize(uint64_t size) {
  if (size == live_size_) return;
  if (size < live_size_) {
    for (auto& [number, page] : pages_) {
      uint64_t begin = number * kPageBytes;
      if (begin + kPageBytes <= size || page.live == nullptr) continue;
      MarkDirty(number, page);
      if (begin >= size) {
        page.live = nullptr;
      } else {
        Bytes& bytes = Writable(page.live);
        std::fill(bytes.begin() + static_cast<ptrdiff_t>(size - begin), bytes.end(), 0);
      }
    }
  }
  live_size_ = size;
  size_dirty_ = true;
}

void FaultyInode::Persist() {
  for (uint64_t number : dirty_) {
    Page& page = pages_[number];
    page.durable = page.live;
    page.dirty = false;
  }
  dirty_.clear();
  if (size_dirty_) durable_size_ = live_size_;
  size_dirty_ = false;
}

void FaultyInode::PersistSomeAndForget(const RandomFunction& random) {
  std::sort(dirty_.begin(), dirty_.end());
  for (uint64_t number : dirty_) {
    Page& page = pages_[number];
    if (random() % 2 == 0) page.durable = page.live;
    page.dirty = false;
  }
  dirty_.clear();
  if (size_dirty_ && random() % 2 == 0) durable_size_ = live_size_;
  size_dirty_ = false;
}

void FaultyInode::TearPage(Page& page, const RandomFunction& random) {
  std::shared_ptr<Bytes> live = page.live;
  if (live == nullptr) Writable(live);
  Bytes& durable = Writable(page.durable);
  uint64_t survivors = random();
  for (size_t sector = 0; sector < kPageBytes / kSectorBytes; ++sector) {
    if ((survivors >> sector & 1) == 0) continue;
    size_t begin = sector * kSectorBytes;
    std::memcpy(durable.data() + begin, live->data() + begin, kSectorBytes);
  }
}

void FaultyInode::LosePower(const RandomFunction& random, SurvivalOdds odds,
                            SurvivalCounts* counts) {
  KEELSON_CHECK(odds.lost + odds.torn <= 256, "odds are parts of 256");
  std::sort(dirty_.begin(), dirty_.end());
  for (uint64_t number : dirty_) {
    Page& page = pages_[number];
    page.dirty = false;
    uint64_t draw = random() % 256;
    if (draw < odds.lost) {
      ++counts->pages_lost;
    } else if (draw < odds.lost + odds.torn) {
      ++counts->pages_torn;
      TearPage(page, random);
    } else {
      ++counts->pages_kept;
      page.durable = page.live;
    }
  }
  dirty_.clear();
  // The size travels with the metadata of the file, apart from its pages.
  if (size_dirty_ && random() % 256 >= odds.lost) durable_size_ = live_size_;
  size_dirty_ = false;
  live_size_ = durable_size_;
  for (auto& [number, page] : pages_) page.live = page.durable;
  DropPagesBehind(live_size_);
}

void FaultyInode::DropPagesBehind(uint64_t size) {
  absl::erase_if(pages_, [&](auto& item) {
    auto& [number, page] = item;
    uint64_t begin = number * kPageBytes;
    if (begin >= size) return true;
    if (begin + kPageBytes > size && page.live != nullptr) {
      Bytes& bytes = Writable(page.live);
      std::fill(bytes.begin() + static_cast<ptrdiff_t>(size - begin), bytes.end(), 0);
      page.durable = page.live;
    }
    return false;
  });
}

void FaultyInode::FlipBit(uint64_t bit) {
  KEELSON_CHECK(bit / 8 < live_size_, "a flipped bit must be inside of the file");
  Page& page = pages_[bit / 8 / kPageBytes];
  size_t index = bit / 8 % kPageBytes;
  char mask = static_cast<char>(1u << bit % 8);
  bool shared = page.live == page.durable;
  Writable(page.live)[index] ^= mask;
  if (shared) {
    page.durable = page.live;
  } else {
    Writable(page.durable)[index] ^= mask;
  }
}

}  // namespace keelson::storage
