// Builds one JSON document, in order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace keelson::kvbench {

class JsonWriter {
 public:
  // `key` is empty inside an array and for the outermost value.
  JsonWriter& BeginObject(std::string_view key = {});
  JsonWriter& EndObject();
  JsonWriter& BeginArray(std::string_view key = {});
  JsonWriter& EndArray();
  JsonWriter& String(std::string_view key, std::string_view value);
  JsonWriter& Int(std::string_view key, int64_t value);
  JsonWriter& Uint(std::string_view key, uint64_t value);
  JsonWriter& Double(std::string_view key, double value);
  JsonWriter& Bool(std::string_view key, bool value);

  const std::string& text() const { return text_; }

 private:
  void Start(std::string_view key);
  void Quote(std::string_view value);

  std::string text_;
  bool needs_comma_ = false;
};

}  // namespace keelson::kvbench
