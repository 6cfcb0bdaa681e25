#include "client/kvctl/text.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace keelson::kvctl {
namespace {

// None if `text` is not the hexadecimal number of an id.
std::optional<uint64_t> ParseHexId(const std::string& text) {
  uint64_t id = 0;
  const bool hex_only =
      !text.empty() && text.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
  if (!hex_only || text.size() > 16 || !absl::SimpleHexAtoi(text, &id)) return std::nullopt;
  return id;
}

}  // namespace

std::string HexBytes(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) absl::StrAppendFormat(&text, "\\x%02x", static_cast<uint8_t>(byte));
  return text;
}

size_t Utf8Length(std::string_view text) {
  const auto byte = [&text](size_t at) { return static_cast<uint8_t>(text[at]); };
  size_t length = 0;
  if (byte(0) < 0x80) length = 1;
  if (byte(0) >= 0xc2 && byte(0) < 0xe0) length = 2;
  if (byte(0) >= 0xe0 && byte(0) < 0xf0) length = 3;
  if (byte(0) >= 0xf0 && byte(0) < 0xf5) length = 4;
  if (text.size() < length) return 0;
  for (size_t at = 1; at < length; ++at) {
    if ((byte(at) & 0xc0) != 0x80) return 0;
  }
  return length;
}

std::string Escaped(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const size_t length = Utf8Length(bytes);
    const auto first = static_cast<uint8_t>(bytes[0]);
    if (length > 1) {
      text += bytes.substr(0, length);
    } else if (length == 1 && first >= 0x20 && first != 0x7f) {
      text += first == '\\' ? "\\\\" : std::string(1, bytes[0]);
    } else if (first == '\n' || first == '\r' || first == '\t') {
      text += first == '\n' ? "\\n" : first == '\r' ? "\\r" : "\\t";
    } else {
      absl::StrAppendFormat(&text, "\\x%02x", first);
    }
    bytes.remove_prefix(std::max<size_t>(length, 1));
  }
  return text;
}

std::string Quoted(std::string_view bytes) {
  return absl::StrCat("\"", absl::StrReplaceAll(Escaped(bytes), {{"\"", "\\\""}}), "\"");
}

std::string HexId(uint64_t id) { return absl::StrFormat("%x", id); }

std::string LeaseText(int64_t id) { return absl::StrFormat("%016x", static_cast<uint64_t>(id)); }

absl::StatusOr<int64_t> ParseLeaseId(const std::string& text) {
  if (const auto id = ParseHexId(text)) return static_cast<int64_t>(*id);
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text,
                   "\" is not a lease id; give it in hexadecimal, as kvctl lease "
                   "grant and kvctl lease list print it"));
}

absl::StatusOr<uint64_t> ParseMemberId(const std::string& text) {
  if (const auto id = ParseHexId(text)) return *id;
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", text, "\" is not a member id; give it in hexadecimal, as kvctl member list prints it"));
}

std::string HumanBytes(int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  double amount = static_cast<double>(bytes);
  size_t unit = 0;
  while (amount >= 1000 && unit + 1 < std::size(kUnits)) {
    amount /= 1000;
    ++unit;
  }
  if (unit == 0 || amount >= 10) return absl::StrFormat("%.0f %s", amount, kUnits[unit]);
  return absl::StrFormat("%.1f %s", amount, kUnits[unit]);
}

std::string HumanDuration(absl::Duration duration) {
  return absl::FormatDuration(absl::Trunc(duration, absl::Microseconds(1)));
}

absl::StatusOr<std::string> TakeQuoted(std::string_view& text) {
  if (text.empty() || text[0] != '"') {
    return absl::InvalidArgumentError(
        absl::StrCat("double quotes are missing: ", absl::string_view(text.data(), text.size())));
  }
  size_t end = 1;
  while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
  if (end >= text.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("no closing quote in: ", absl::string_view(text.data(), text.size())));
  }
  const absl::string_view inside(text.data() + 1, end - 1);
  std::string bytes;
  std::string error;
  if (!absl::CUnescape(inside, &bytes, &error)) {
    return absl::InvalidArgumentError(absl::StrCat("bad escape in \"", inside, "\": ", error));
  }
  text.remove_prefix(end + 1);
  return bytes;
}

absl::StatusOr<std::vector<std::string>> SplitWords(std::string_view line) {
  std::vector<std::string> words;
  while (true) {
    while (!line.empty() && absl::ascii_isspace(static_cast<unsigned char>(line[0]))) {
      line.remove_prefix(1);
    }
    if (line.empty()) return words;
    if (line[0] == '"') {
      auto word = TakeQuoted(line);
      if (!word.ok()) return word.status();
      words.push_back(*std::move(word));
    } else if (line[0] == '\'') {
      const size_t end = line.find('\'', 1);
      if (end == std::string_view::npos) {
        return absl::InvalidArgumentError(
            absl::StrCat("no closing quote in: ", absl::string_view(line.data(), line.size())));
      }
      words.emplace_back(line.substr(1, end - 1));
      line.remove_prefix(end + 1);
    } else {
      const size_t end = std::min(line.find_first_of(" \t\r\n"), line.size());
      words.emplace_back(line.substr(0, end));
      line.remove_prefix(end);
    }
  }
}

}  // namespace keelson::kvctl
