#include "client/kvctl/json_value.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace keelson::kvctl {
namespace {

// Deeper values are refused: no input may exhaust the stack.
constexpr int kMaxDepth = 64;

absl::Status Bad(const char* what, std::string_view near) {
  const std::string_view start = near.substr(0, 24);
  return absl::InvalidArgumentError(
      near.empty() ? absl::StrCat("not JSON: ", what, " at the end")
                   : absl::StrCat("not JSON: ", what, " near: ", std::string(start)));
}

void SkipBlanks(std::string_view& text) {
  const size_t blanks = text.find_first_not_of(" \t\r\n");
  text.remove_prefix(std::min(blanks, text.size()));
}

bool Take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

void AppendUtf8(uint32_t code, std::string& text) {
  const auto byte = [&text](uint32_t value) { text += static_cast<char>(value); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xc0 | code >> 6);
    byte(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    byte(0xe0 | code >> 12);
    byte(0x80 | (code >> 6 & 0x3f));
    byte(0x80 | (code & 0x3f));
  } else {
    byte(0xf0 | code >> 18);
    byte(0x80 | (code >> 12 & 0x3f));
    byte(0x80 | (code >> 6 & 0x3f));
    byte(0x80 | (code & 0x3f));
  }
}

// The four digits after "\u".
absl::StatusOr<uint32_t> TakeUnit(std::string_view& text) {
  uint32_t unit = 0;
  const std::string digits(text.substr(0, 4));
  const bool valid = digits.size() == 4 &&
                     std::all_of(digits.begin(), digits.end(), absl::ascii_isxdigit) &&
                     absl::SimpleHexAtoi(digits, &unit);
  if (!valid) return Bad("four hexadecimal digits are missing", text);
  text.remove_prefix(4);
  return unit;
}

// What follows "\u": one character, perhaps of two units.
absl::Status TakeUnicode(std::string_view& text, std::string& out) {
  const auto first = TakeUnit(text);
  if (!first.ok()) return first.status();
  uint32_t code = *first;
  if (code >= 0xd800 && code < 0xdc00 && text.substr(0, 2) == "\\u") {
    text.remove_prefix(2);
    const auto second = TakeUnit(text);
    if (!second.ok()) return second.status();
    if (*second < 0xdc00 || *second > 0xdfff) return Bad("half a surrogate pair", text);
    code = 0x10000 + ((code - 0xd800) << 10) + (*second - 0xdc00);
  } else if (code >= 0xd800 && code <= 0xdfff) {
    return Bad("half a surrogate pair", text);
  }
  AppendUtf8(code, out);
  return absl::OkStatus();
}

absl::Status TakeEscape(std::string_view& text, std::string& out) {
  if (text.empty()) return Bad("an open string", text);
  const char c = text[0];
  constexpr std::string_view kNames = "\"\\/bfnrt";
  constexpr std::string_view kBytes = "\"\\/\b\f\n\r\t";
  text.remove_prefix(1);
  if (c == 'u') return TakeUnicode(text, out);
  const size_t at = kNames.find(c);
  if (at == std::string_view::npos) return Bad("an unknown escape", text);
  out += kBytes[at];
  return absl::OkStatus();
}

// REQUIRES: `text` begins with a quote.
absl::StatusOr<std::string> TakeString(std::string_view& text) {
  std::string out;
  text.remove_prefix(1);
  while (true) {
    const size_t plain = std::min(text.find_first_of("\"\\"), text.size());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (Take(text, '"')) return out;
    if (!Take(text, '\\')) return Bad("an open string", text);
    if (auto status = TakeEscape(text, out); !status.ok()) return status;
  }
}

class Parser {
 public:
  explicit Parser(std::string_view& text) : text_(text) {}

  absl::StatusOr<JsonValue> Value(int depth) {
    SkipBlanks(text_);
    if (depth > kMaxDepth) return Bad("too deep", text_);
    if (text_.empty()) return Bad("a value is missing", text_);
    switch (text_[0]) {
      case '{':
        return Object(depth);
      case '[':
        return Array(depth);
      case '"': {
        auto text = TakeString(text_);
        if (!text.ok()) return text.status();
        return JsonValue{.kind = JsonValue::Kind::kString, .text = *std::move(text)};
      }
      default:
        return Word();
    }
  }

 private:
  absl::StatusOr<JsonValue> Object(int depth) {
    JsonValue value{.kind = JsonValue::Kind::kObject};
    text_.remove_prefix(1);
    SkipBlanks(text_);
    if (Take(text_, '}')) return value;
    while (true) {
      SkipBlanks(text_);
      if (text_.empty() || text_[0] != '"') return Bad("a member's name is missing", text_);
      auto name = TakeString(text_);
      if (!name.ok()) return name.status();
      SkipBlanks(text_);
      if (!Take(text_, ':')) return Bad("a colon is missing", text_);
      auto member = Value(depth + 1);
      if (!member.ok()) return member;
      value.members.emplace_back(*std::move(name), *std::move(member));
      SkipBlanks(text_);
      if (Take(text_, '}')) return value;
      if (!Take(text_, ',')) return Bad("a comma or } is missing", text_);
    }
  }

  absl::StatusOr<JsonValue> Array(int depth) {
    JsonValue value{.kind = JsonValue::Kind::kArray};
    text_.remove_prefix(1);
    SkipBlanks(text_);
    if (Take(text_, ']')) return value;
    while (true) {
      auto item = Value(depth + 1);
      if (!item.ok()) return item;
      value.items.push_back(*std::move(item));
      SkipBlanks(text_);
      if (Take(text_, ']')) return value;
      if (!Take(text_, ',')) return Bad("a comma or ] is missing", text_);
    }
  }

  // null, true, false or a number.
  absl::StatusOr<JsonValue> Word() {
    const size_t end = std::min(text_.find_first_of(" \t\r\n,]}"), text_.size());
    const std::string word(text_.substr(0, end));
    JsonValue value{.kind = JsonValue::Kind::kNumber, .text = word};
    double number = 0;
    if (word == "null") {
      value = {};
    } else if (word == "true" || word == "false") {
      value.kind = JsonValue::Kind::kBool;
    } else if (word.find_first_not_of("0123456789+-.eE") != std::string::npos ||
               !absl::SimpleAtod(word, &number)) {
      return Bad("an unknown word", text_);
    }
    text_.remove_prefix(end);
    return value;
  }

  std::string_view& text_;
};

}  // namespace

const JsonValue* JsonValue::Find(std::string_view name) const {
  for (const auto& [member, value] : members) {
    if (member == name) return &value;
  }
  return nullptr;
}

absl::StatusOr<JsonValue> TakeJson(std::string_view& text) {
  auto value = Parser(text).Value(0);
  SkipBlanks(text);
  return value;
}

absl::StatusOr<JsonValue> ParseJson(std::string_view text) {
  auto value = TakeJson(text);
  if (value.ok() && !text.empty()) return Bad("more after the value", text);
  return value;
}

}  // namespace keelson::kvctl
