#include "bench/kvbench/keyspace.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace keelson::kvbench {
namespace {

constexpr size_t kPoolSize = 1 << 20;

size_t DigitsOf(uint64_t number) { return std::to_string(number).size(); }

}  // namespace

uint64_t Random::Next() {
  state_ += 0x9e3779b97f4a7c15;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

uint64_t Random::Below(uint64_t bound) {
  KEELSON_CHECK(bound > 0, "a choice among nothing");
  return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * bound) >> 64);
}

KeySpace::KeySpace(const KeySpaceOptions& options, uint64_t seed, uint64_t worker, uint64_t workers)
    : keys_(std::max<uint64_t>(options.keys, 1)),
      sequential_(options.sequential),
      step_(workers),
      next_(worker),
      random_(seed),
      prefix_size_(options.prefix.size()),
      buffer_(options.prefix) {
  const size_t least = prefix_size_ + DigitsOf(keys_ - 1);
  buffer_.resize(std::max(options.key_size, least), '0');
}

uint64_t KeySpace::NextIndex() {
  if (!sequential_) return random_.Below(keys_);
  const uint64_t index = next_ % keys_;
  next_ += step_;
  return index;
}

std::string_view KeySpace::Key(uint64_t index) {
  for (size_t at = buffer_.size(); at > prefix_size_; --at) {
    buffer_[at - 1] = static_cast<char>('0' + index % 10);
    index /= 10;
  }
  return buffer_;
}

ValueSource::ValueSource(size_t size, uint64_t seed) : size_(size), random_(seed ^ 0x76616c7565) {
  pool_.resize(kPoolSize + size);
  for (size_t at = 0; at < pool_.size(); at += sizeof(uint64_t)) {
    const uint64_t word = random_.Next();
    std::memcpy(pool_.data() + at, &word, std::min(sizeof(word), pool_.size() - at));
  }
}

std::string_view ValueSource::Next() {
  return std::string_view(pool_).substr(random_.Below(kPoolSize), size_);
}

std::string_view ValueSource::NextStamped(int64_t stamp) {
  KEELSON_CHECK(size_ >= sizeof(stamp), "a stamped value has room for the stamp");
  buffer_.assign(Next());
  std::memcpy(buffer_.data(), &stamp, sizeof(stamp));
  return buffer_;
}

int64_t StampOf(std::string_view value) {
  int64_t stamp = 0;
  if (value.size() >= sizeof(stamp)) std::memcpy(&stamp, value.data(), sizeof(stamp));
  return stamp;
}

}  // namespace keelson::kvbench
