#include "client/kvctl/yaml.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/kvctl/json.h"

namespace keelson::kvctl {
namespace {

using Kind = JsonValue::Kind;

// A value that stands on the line of its name or dash.
std::string Inline(const JsonValue& value) {
  switch (value.kind) {
    case Kind::kNull:
      return "null";
    case Kind::kString:
      return JsonString(value.text);
    case Kind::kArray:
      return "[]";
    case Kind::kObject:
      return "{}";
    case Kind::kBool:
    case Kind::kNumber:
      break;
  }
  return value.text;
}

bool IsInline(const JsonValue& value) { return value.items.empty() && value.members.empty(); }

// Names are plain where no reader can take them for something else.
std::string Name(const std::string& name) {
  constexpr const char* kReserved[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
  const std::string lower = absl::AsciiStrToLower(name);
  const bool plain =
      !name.empty() && absl::ascii_isalpha(static_cast<unsigned char>(name[0])) &&
      lower.find_first_not_of("abcdefghijklmnopqrstuvwxyz_-") == std::string::npos &&
      std::find(std::begin(kReserved), std::end(kReserved), lower) == std::end(kReserved);
  return plain ? name : JsonString(name);
}

// `first` is what stands before the first line in place of the indentation.
void Append(const JsonValue& value, const std::string& first, const std::string& indent,
            std::string& out) {
  std::string lead = first;
  for (const JsonValue& item : value.items) {
    if (IsInline(item)) {
      absl::StrAppend(&out, lead, "- ", Inline(item), "\n");
    } else {
      Append(item, lead + "- ", indent + "  ", out);
    }
    lead = indent;
  }
  for (const auto& [name, member] : value.members) {
    absl::StrAppend(&out, lead, Name(name), ":");
    if (IsInline(member)) {
      absl::StrAppend(&out, " ", Inline(member), "\n");
    } else {
      out += "\n";
      Append(member, indent + "  ", indent + "  ", out);
    }
    lead = indent;
  }
}

}  // namespace

std::string ToYaml(const JsonValue& value) {
  if (IsInline(value)) return absl::StrCat("--- ", Inline(value), "\n");
  std::string out = "---\n";
  Append(value, "", "", out);
  return out;
}

}  // namespace keelson::kvctl
