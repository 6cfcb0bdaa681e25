// Debian builds Abseil with a string view of its own, which std::string_view does not convert to.
#pragma once

#include <string_view>

#include "absl/strings/string_view.h"

namespace keelson {

// `text` for an Abseil function.
inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

// The other way, for a status message.
inline std::string_view ToStd(absl::string_view text) { return {text.data(), text.size()}; }

}  // namespace keelson
