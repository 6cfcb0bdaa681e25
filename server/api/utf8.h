// Well-formed UTF-8 (RFC 3629).
#pragma once

#include <cstddef>
#include <string_view>

namespace keelson::server {

// How many bytes the character at the front of `text` takes; 0 if there is no well-formed one.
size_t Utf8Length(std::string_view text);

bool IsUtf8(std::string_view text);

}  // namespace keelson::server
