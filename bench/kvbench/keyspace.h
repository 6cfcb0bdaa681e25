// Deterministic keys and values: the same seed makes the same requests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace keelson::kvbench {

// splitmix64: small, fast, good enough to choose keys.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  // Uniform in [0, bound). REQUIRES: bound > 0.
  uint64_t Below(uint64_t bound);

 private:
  uint64_t state_;
};

struct KeySpaceOptions {
  std::string prefix = "bench/";
  uint64_t keys = 10'000;
  size_t key_size = 24;  // raised where prefix and digits need more
  bool sequential = false;
};

// Keys are the prefix and a zero-padded decimal number below `keys`.
class KeySpace {
 public:
  // Worker `worker` of `workers` walks its own residue class when sequential.
  KeySpace(const KeySpaceOptions& options, uint64_t seed, uint64_t worker, uint64_t workers);

  uint64_t NextIndex();
  // View into a buffer that the next call overwrites.
  std::string_view Key(uint64_t index);
  uint64_t keys() const { return keys_; }

 private:
  const uint64_t keys_;
  const bool sequential_;
  const uint64_t step_;
  uint64_t next_;
  Random random_;
  size_t prefix_size_;
  std::string buffer_;
};

// Values that do not compress: windows at random places of a random pool.
class ValueSource {
 public:
  ValueSource(size_t size, uint64_t seed);

  // View into the pool or a buffer, valid until the next call.
  std::string_view Next();
  // The first eight bytes are `stamp`. REQUIRES: size >= 8.
  std::string_view NextStamped(int64_t stamp);

 private:
  const size_t size_;
  Random random_;
  std::string pool_;
  std::string buffer_;
};

// The stamp of a value made by NextStamped; 0 if the value is too short.
int64_t StampOf(std::string_view value);

}  // namespace keelson::kvbench
