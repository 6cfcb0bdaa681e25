#include "client/keelson/key_range.h"

#include <utility>

namespace keelson::client {
namespace {

const std::string& ZeroByte() {
  static const std::string zero(1, '\0');
  return zero;
}

}  // namespace

std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty()) {
    const auto last = static_cast<unsigned char>(end.back());
    if (last < 0xff) {
      end.back() = static_cast<char>(last + 1);
      return end;
    }
    end.pop_back();
  }
  return ZeroByte();
}

KeyRange KeyRange::Key(std::string_view key) { return KeyRange(std::string(key), ""); }

KeyRange KeyRange::Prefix(std::string_view prefix) {
  if (prefix.empty()) return All();
  return KeyRange(std::string(prefix), PrefixEnd(prefix));
}

KeyRange KeyRange::From(std::string_view key) {
  return KeyRange(key.empty() ? ZeroByte() : std::string(key), ZeroByte());
}

KeyRange KeyRange::All() { return KeyRange(ZeroByte(), ZeroByte()); }

KeyRange KeyRange::Between(std::string_view begin, std::string_view end) {
  // No key is before a zero byte, and the encoding has other meanings for these two ends.
  if (end.empty() || end == ZeroByte()) return KeyRange("\x01", "\x01");
  return KeyRange(begin.empty() ? ZeroByte() : std::string(begin), std::string(end));
}

KeyRange KeyRange::Encoded(std::string_view begin, std::string_view end) {
  return KeyRange(std::string(begin), std::string(end));
}

}  // namespace keelson::client
