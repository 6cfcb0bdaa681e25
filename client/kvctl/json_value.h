// JSON read back: any value, members in their order, numbers as the text they were.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace keelson::kvctl {

struct JsonValue {
  enum class Kind { kNull, kBool, kNumber, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  std::string text = {};  // of a number as it was written, of a string, or "true" and "false"
  std::vector<JsonValue> items = {};
  std::vector<std::pair<std::string, JsonValue>> members = {};

  // The member of that name, or null.
  const JsonValue* Find(std::string_view name) const;
};

// Reads one value and drops it, with the blanks around it, from the start of `text`.
// InvalidArgument tells what is wrong and near which text.
absl::StatusOr<JsonValue> TakeJson(std::string_view& text);

// `text` as exactly one value.
absl::StatusOr<JsonValue> ParseJson(std::string_view text);

}  // namespace keelson::kvctl
