#include "storage/mvcc/types.h"

namespace keelson::storage {

KeyRange KeyRange::Single(std::string_view key) {
  KeyRange range;
  range.begin = std::string(key);
  range.end = range.begin + '\0';
  return range;
}

KeyRange KeyRange::Prefix(std::string_view prefix) {
  KeyRange range;
  range.begin = std::string(prefix);
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (end.empty()) return range;
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  range.end = std::move(end);
  return range;
}

bool KeyRange::single() const {
  return end && end->size() == begin.size() + 1 && end->back() == '\0' &&
         std::string_view(*end).substr(0, begin.size()) == begin;
}

}  // namespace keelson::storage
