// The text form of a transaction: three blocks of lines, each ended by an empty line or the end of
// the input.
//
//   mod("key1") > "0"          comparisons: mod, create, version, value, lease; =, !=, <, >
//
//   put key1 "new value"       operations if all hold: get, put, del with their flags
//
//   get key1 --prefix          operations otherwise
#pragma once

#include <istream>
#include <ostream>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/keelson/txn.h"

namespace keelson::kvctl {

absl::StatusOr<client::Compare> ParseCompare(std::string_view line);
absl::StatusOr<client::Op> ParseOp(std::string_view line);

// Reads all three blocks. With `prompts` it says before each block what is expected. A failure
// names the line's number and text.
absl::StatusOr<client::Txn> ReadTxn(std::istream& in, std::ostream* prompts);

}  // namespace keelson::kvctl
