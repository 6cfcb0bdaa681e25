// Which keys a request means: one key, a prefix, an interval, or all.
#pragma once

#include <string>
#include <string_view>

namespace keelson::client {

// A half-open interval [begin, end) of keys in bytewise order, in the encoding of etcd's API: an
// empty end is the single key `begin`, an end of one zero byte is "no upper bound".
class KeyRange {
 public:
  // The single key. An empty key is not valid in requests; servers refuse it.
  static KeyRange Key(std::string_view key);
  // Every key that starts with `prefix`; an empty prefix means every key.
  static KeyRange Prefix(std::string_view prefix);
  // Every key >= `key`; an empty key means every key.
  static KeyRange From(std::string_view key);
  // Every key.
  static KeyRange All();
  // Every key in [begin, end). Empty when end <= begin, also where `end` is empty or a zero byte.
  static KeyRange Between(std::string_view begin, std::string_view end);
  // As etcd's API has it, see above: for tools, and for what begin() and end() have given.
  static KeyRange Encoded(std::string_view begin, std::string_view end);

  const std::string& begin() const { return begin_; }
  const std::string& end() const { return end_; }
  bool is_single_key() const { return end_.empty(); }

  bool operator==(const KeyRange&) const = default;

 private:
  KeyRange(std::string begin, std::string end) : begin_(std::move(begin)), end_(std::move(end)) {}

  std::string begin_;
  std::string end_;
};

// The first key after all keys with `prefix`, or one zero byte ("no upper bound") when there is
// none, as for an empty prefix and for one of 0xff bytes only.
std::string PrefixEnd(std::string_view prefix);

}  // namespace keelson::client
