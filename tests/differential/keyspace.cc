#include "tests/differential/keyspace.h"

#include <vector>

namespace keelson::differential {
namespace {

// Prefixes of each other, neighbours in byte order, a key at either end of the order.
const std::vector<std::string>& Names() {
  static const auto* names = [] {
    auto* all =
        new std::vector<std::string>{"a",  "a/",  "a/b",  "a/b/c", "a0",   "b",    "b\x01",
                                     "ba", "key", "key1", "key10", "key2", "\xff", "\xff\xff"};
    all->push_back(std::string(1, '\0'));
    all->push_back(std::string("a\0", 2));
    for (int i = 0; i < 24; ++i) all->push_back("k/" + std::string(1, static_cast<char>('a' + i)));
    return all;
  }();
  return *names;
}

std::string Successor(std::string key) {
  if (key.empty() || key.back() == '\xff') return key + "x";
  key.back() = static_cast<char>(key.back() + 1);
  return key;
}

}  // namespace

std::string RandomKey(Random& random) {
  if (random.Chance(1)) return "";
  if (random.Chance(3)) {
    std::string key;
    for (int64_t i = random.Between(1, 6); i > 0; --i) {
      key.push_back(static_cast<char>(random.Below(256)));
    }
    return key;
  }
  return random.Pick(Names());
}

std::string RandomValue(Random& random) {
  if (random.Chance(5)) return "";
  if (random.Chance(3)) {
    return std::string(static_cast<size_t>(random.Between(1000, 20000)),
                       static_cast<char>(random.Below(256)));
  }
  // Few different ones, so that comparisons and sorts by value meet equal ones.
  return "v" + std::to_string(random.Below(30));
}

KeyInterval RandomInterval(Random& random) {
  const std::string zero(1, '\0');
  switch (random.Below(9)) {
    case 0:
    case 1:
    case 2:
      return {RandomKey(random), ""};
    case 3:
    case 4: {
      const std::string prefix =
          random.Pick(std::vector<std::string>{"a", "k/", "key", "b", "\xff"});
      return {prefix, prefix == "\xff" ? zero : Successor(prefix)};
    }
    case 5:
      return {RandomKey(random), zero};
    case 6:
      return {zero, zero};
    default: {
      KeyInterval interval{RandomKey(random), RandomKey(random)};
      if (interval.end < interval.key && !random.Chance(10)) std::swap(interval.key, interval.end);
      return interval;
    }
  }
}

}  // namespace keelson::differential
