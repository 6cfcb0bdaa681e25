// Small conversions between bytes and what people read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace keelson::kvctl {

// "\x66\x6f\x6f"
std::string HexBytes(std::string_view bytes);

// With backslash escapes for what is not printable; UTF-8 stays as it is.
std::string Escaped(std::string_view bytes);

// The same in double quotes, with those inside escaped.
std::string Quoted(std::string_view bytes);

// The length of the UTF-8 character at the start of `text`, or 0 if there is none. Overlong forms
// and surrogates are let through: they are the sender's own. REQUIRES: `text` is not empty.
size_t Utf8Length(std::string_view text);

// Lower-case hexadecimal, as ids are written, and back.
std::string HexId(uint64_t id);
// A lease id as etcdctl prints it: of sixteen digits.
std::string LeaseText(int64_t id);
absl::StatusOr<int64_t> ParseLeaseId(const std::string& text);

// The same for a member's.
absl::StatusOr<uint64_t> ParseMemberId(const std::string& text);

// "25 kB", "1.3 GB"
std::string HumanBytes(int64_t bytes);

// "1.402638ms", "5.2s"
std::string HumanDuration(absl::Duration duration);

// The words of a line: separated by blanks; "double quotes" with backslash escapes, 'single quotes'
// without. InvalidArgument for an open quote.
absl::StatusOr<std::vector<std::string>> SplitWords(std::string_view line);

// Reads one double-quoted string at the start of `text` and drops it from there.
absl::StatusOr<std::string> TakeQuoted(std::string_view& text);

}  // namespace keelson::kvctl
