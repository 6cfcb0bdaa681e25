// The arguments and flags of get, put and del: shared by those commands and by the lines of a
// transaction.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/keelson/client.h"
#include "client/kvctl/flags.h"

namespace keelson::kvctl {

std::vector<FlagSpec> GetFlags();
std::vector<FlagSpec> PutFlags();
std::vector<FlagSpec> DeleteFlags();

struct GetArguments {
  client::KeyRange range;
  client::GetOptions options = {};
};
struct PutArguments {
  std::string key;
  std::optional<std::string> value = {};  // none: to be read from the input
  client::PutOptions options = {};
};
struct DeleteArguments {
  client::KeyRange range;
  client::DeleteOptions options = {};
};

absl::StatusOr<GetArguments> ReadGetArguments(const ParsedFlags& flags);
absl::StatusOr<PutArguments> ReadPutArguments(const ParsedFlags& flags);
absl::StatusOr<DeleteArguments> ReadDeleteArguments(const ParsedFlags& flags);

// KEY [RANGE_END] with --prefix and, where declared, --from-key.
absl::StatusOr<client::KeyRange> ReadRange(const std::vector<std::string>& arguments, bool prefix,
                                           bool from_key);

}  // namespace keelson::kvctl
