#include "client/kvctl/json.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/kvctl/text.h"

namespace keelson::kvctl {
namespace {

constexpr char kReplacement[] = "\xef\xbf\xbd";

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

void AppendAscii(char c, std::string& json) {
  switch (c) {
    case '"':
      json += "\\\"";
      return;
    case '\\':
      json += "\\\\";
      return;
    case '\n':
      json += "\\n";
      return;
    case '\r':
      json += "\\r";
      return;
    case '\t':
      json += "\\t";
      return;
    default:
      break;
  }
  if (static_cast<uint8_t>(c) < 0x20) {
    absl::StrAppendFormat(&json, "\\u%04x", static_cast<uint8_t>(c));
  } else {
    json += c;
  }
}

}  // namespace

std::string JsonString(std::string_view text) {
  std::string json = "\"";
  while (!text.empty()) {
    if (static_cast<uint8_t>(text[0]) < 0x80) {
      AppendAscii(text[0], json);
      text.remove_prefix(1);
    } else if (const size_t length = Utf8Length(text); length > 0) {
      json += text.substr(0, length);
      text.remove_prefix(length);
    } else {
      json += kReplacement;
      text.remove_prefix(1);
    }
  }
  return json + "\"";
}

std::string JsonBase64(std::string_view bytes) {
  return absl::StrCat("\"", absl::Base64Escape(View(bytes)), "\"");
}

JsonObject& JsonObject::Raw(std::string_view name, std::string_view json) {
  absl::StrAppend(&body_, body_.empty() ? "" : ",", JsonString(name), ":", View(json));
  return *this;
}

JsonObject& JsonObject::Members(const JsonObject& other) {
  absl::StrAppend(&body_, body_.empty() || other.body_.empty() ? "" : ",", other.body_);
  return *this;
}

JsonObject& JsonObject::Int(std::string_view name, int64_t number) {
  return Raw(name, std::to_string(number));
}

JsonObject& JsonObject::Uint(std::string_view name, uint64_t number) {
  return Raw(name, std::to_string(number));
}

JsonObject& JsonObject::Bool(std::string_view name, bool value) {
  return Raw(name, value ? "true" : "false");
}

JsonObject& JsonObject::Text(std::string_view name, std::string_view text) {
  return Raw(name, JsonString(text));
}

JsonObject& JsonObject::SomeInt(std::string_view name, int64_t number) {
  return number == 0 ? *this : Int(name, number);
}

JsonObject& JsonObject::SomeUint(std::string_view name, uint64_t number) {
  return number == 0 ? *this : Uint(name, number);
}

JsonObject& JsonObject::SomeBool(std::string_view name, bool value) {
  return value ? Bool(name, value) : *this;
}

JsonObject& JsonObject::SomeText(std::string_view name, std::string_view text) {
  return text.empty() ? *this : Text(name, text);
}

JsonObject& JsonObject::SomeBytes(std::string_view name, std::string_view bytes) {
  return bytes.empty() ? *this : Raw(name, JsonBase64(bytes));
}

JsonArray& JsonArray::Raw(std::string_view json) {
  absl::StrAppend(&body_, body_.empty() ? "" : ",", View(json));
  return *this;
}

}  // namespace keelson::kvctl
