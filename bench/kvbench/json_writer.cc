#include "bench/kvbench/json_writer.h"

#include <cmath>

#include "absl/strings/str_format.h"

namespace keelson::kvbench {

void JsonWriter::Quote(std::string_view value) {
  text_.push_back('"');
  for (const char c : value) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      text_.push_back('\\');
      text_.push_back(c);
    } else if (byte < 0x20 || byte >= 0x7f) {
      absl::StrAppendFormat(&text_, "\\u%04x", byte);
    } else {
      text_.push_back(c);
    }
  }
  text_.push_back('"');
}

void JsonWriter::Start(std::string_view key) {
  if (needs_comma_) text_.push_back(',');
  needs_comma_ = true;
  if (key.empty()) return;
  Quote(key);
  text_.push_back(':');
}

JsonWriter& JsonWriter::BeginObject(std::string_view key) {
  Start(key);
  text_.push_back('{');
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::EndObject() {
  text_.push_back('}');
  needs_comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::BeginArray(std::string_view key) {
  Start(key);
  text_.push_back('[');
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::EndArray() {
  text_.push_back(']');
  needs_comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::String(std::string_view key, std::string_view value) {
  Start(key);
  Quote(value);
  return *this;
}

JsonWriter& JsonWriter::Int(std::string_view key, int64_t value) {
  Start(key);
  text_ += std::to_string(value);
  return *this;
}

JsonWriter& JsonWriter::Uint(std::string_view key, uint64_t value) {
  Start(key);
  text_ += std::to_string(value);
  return *this;
}

JsonWriter& JsonWriter::Double(std::string_view key, double value) {
  Start(key);
  if (std::isfinite(value)) {
    absl::StrAppendFormat(&text_, "%.3f", value);
  } else {
    text_ += "null";
  }
  return *this;
}

JsonWriter& JsonWriter::Bool(std::string_view key, bool value) {
  Start(key);
  text_ += value ? "true" : "false";
  return *this;
}

}  // namespace keelson::kvbench
