// Just enough JSON to write: objects and arrays as text, members in the order given.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace keelson::kvctl {

// `text` in double quotes, escaped. Bytes that are not UTF-8 become U+FFFD.
std::string JsonString(std::string_view text);

// `bytes` in base64, in double quotes.
std::string JsonBase64(std::string_view bytes);

class JsonObject {
 public:
  // `json` is a complete value.
  JsonObject& Raw(std::string_view name, std::string_view json);
  JsonObject& Int(std::string_view name, int64_t number);
  JsonObject& Uint(std::string_view name, uint64_t number);
  JsonObject& Bool(std::string_view name, bool value);
  JsonObject& Text(std::string_view name, std::string_view text);

  // The same, left out for zero, false and empty.
  JsonObject& SomeInt(std::string_view name, int64_t number);
  JsonObject& SomeUint(std::string_view name, uint64_t number);
  JsonObject& SomeBool(std::string_view name, bool value);
  JsonObject& SomeText(std::string_view name, std::string_view text);
  JsonObject& SomeBytes(std::string_view name, std::string_view bytes);

  // Those of another object.
  JsonObject& Members(const JsonObject& other);

  std::string Done() const { return body_.empty() ? "{}" : "{" + body_ + "}"; }

 private:
  std::string body_;
};

class JsonArray {
 public:
  JsonArray& Raw(std::string_view json);
  bool empty() const { return body_.empty(); }
  std::string Done() const { return "[" + body_ + "]"; }

 private:
  std::string body_;
};

}  // namespace keelson::kvctl
