// One file or directory of the simulated disk: what programs see, and what the platter holds.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace keelson::storage {

using RandomFunction = std::function<uint64_t()>;

// What a power loss does to each unsynced page: odds of 256. What is neither lost nor torn is kept;
// a torn page keeps some of its 512-byte sectors.
struct SurvivalOdds {
  uint32_t lost = 0;
  uint32_t torn = 0;
};

struct SurvivalCounts {
  uint64_t pages_lost = 0;
  uint64_t pages_kept = 0;
  uint64_t pages_torn = 0;
};

// Every page has a live version (the page cache) and a durable one (the platter); null is a page of
// zeros. Dirty pages are those that the next good sync makes durable. A page that is neither dirty
// nor durable is what a failed sync leaves behind: reads see it, power loss takes it.
// Not locked: FaultyFileSystem holds its own lock around every call.
class FaultyInode {
 public:
  static constexpr size_t kPageBytes = 4096;
  static constexpr size_t kSectorBytes = 512;
  using Entries = std::map<std::string, std::shared_ptr<FaultyInode>, std::less<>>;

  explicit FaultyInode(bool directory) : is_directory(directory) {}

  const bool is_directory;
  // Directories only: names as seen now, and names that survive a power loss.
  Entries live_entries;
  Entries durable_entries;
  // Names and handles that keep the space of this file in use.
  uint64_t links = 0;
  uint64_t handles = 0;

  uint64_t size() const { return live_size_; }
  size_t Read(uint64_t offset, size_t size, char* out) const;
  void Write(uint64_t offset, std::string_view data);
  void Resize(uint64_t size);

  // A good sync: all that is dirty becomes durable.
  void Persist();
  // A failed sync: some dirty pages become durable, all of them count as clean from now on.
  void PersistSomeAndForget(const RandomFunction& random);
  // Replaces the live version by what the platter holds after a power loss.
  void LosePower(const RandomFunction& random, SurvivalOdds odds, SurvivalCounts* counts);
  // Damages the medium itself: both versions. REQUIRES: bit / 8 < size().
  void FlipBit(uint64_t bit);

 private:
  using Bytes = std::array<char, kPageBytes>;
  struct Page {
    std::shared_ptr<Bytes> live;
    std::shared_ptr<Bytes> durable;
    bool dirty = false;
  };

  static Bytes& Writable(std::shared_ptr<Bytes>& bytes);
  void MarkDirty(uint64_t number, Page& page);
  void WritePage(uint64_t number, size_t begin, std::string_view data);
  void TearPage(Page& page, const RandomFunction& random);
  void DropPagesBehind(uint64_t size);

  absl::flat_hash_map<uint64_t, Page> pages_;
  std::vector<uint64_t> dirty_;
  uint64_t live_size_ = 0;
  uint64_t durable_size_ = 0;
  bool size_dirty_ = false;
};

}  // namespace keelson::storage
