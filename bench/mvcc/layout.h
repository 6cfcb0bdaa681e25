// What both storage layouts can do, so that one benchmark measures them alike.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace keelson::bench {

inline constexpr size_t kKeyBytes = 20;
std::string KeyOf(uint64_t number);

class Layout {
 public:
  virtual ~Layout() = default;
  // Puts these keys, one revision each, as one write; answers with the previous value.
  virtual void Put(const std::vector<uint64_t>& keys, const std::string& value) = 0;
  virtual bool Get(uint64_t key) = 0;
  // Reads `count` keys from `first` on at `revision` (0: newest); returns the bytes seen.
  virtual uint64_t Range(uint64_t first, uint64_t count, int64_t revision) = 0;
  // Reads all changes from `revision` on with new and previous value; returns how many.
  virtual uint64_t CatchUp(int64_t revision) = 0;
  // Drops history up to `revision`, physically too.
  virtual void Compact(int64_t revision) = 0;
  // Writes out what is in memory and waits.
  virtual void Flush() = 0;
  virtual int64_t revision() const = 0;
  virtual uint64_t disk_bytes() const = 0;
};

// latest + undo: the real store.
std::unique_ptr<Layout> MakeLayoutC(const std::string& dir);
// key + descending revision, and an index from revision to key.
std::unique_ptr<Layout> MakeLayoutB(const std::string& dir);

}  // namespace keelson::bench
