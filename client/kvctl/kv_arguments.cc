#include "client/kvctl/kv_arguments.h"

#include "absl/strings/ascii.h"
#include "client/kvctl/text.h"

namespace keelson::kvctl {
namespace {

using client::KeyRange;
using client::SortOrder;
using client::SortTarget;
using Kind = FlagSpec::Kind;

FlagSpec Switch(const char* name, const char* help) {
  return {.name = name, .help = help, .fallback = "false"};
}

// The choices of --order and --sort-by are accepted in any case, as etcdctl does.
absl::StatusOr<SortOrder> ReadOrder(const std::string& text) {
  const std::string order = absl::AsciiStrToUpper(text);
  if (order == "ASCEND") return SortOrder::kAscending;
  if (order == "DESCEND") return SortOrder::kDescending;
  if (order.empty()) return SortOrder::kNone;
  return absl::InvalidArgumentError("--order=" + text + ": give ASCEND or DESCEND");
}

absl::StatusOr<SortTarget> ReadSortTarget(const std::string& text) {
  const std::string target = absl::AsciiStrToUpper(text);
  if (target.empty() || target == "KEY") return SortTarget::kKey;
  if (target == "VERSION") return SortTarget::kVersion;
  if (target == "CREATE") return SortTarget::kCreateRevision;
  if (target == "MODIFY" || target == "MOD") return SortTarget::kModRevision;
  if (target == "VALUE") return SortTarget::kValue;
  return absl::InvalidArgumentError("--sort-by=" + text +
                                    ": give CREATE, KEY, MODIFY, VALUE or VERSION");
}

absl::StatusOr<bool> ReadSerializable(const ParsedFlags& flags) {
  const std::string& consistency = flags.String("consistency");
  if (consistency != "l" && consistency != "s") {
    return absl::InvalidArgumentError("--consistency=" + consistency + ": give l or s");
  }
  return flags.Bool("serializable") || consistency == "s";
}

}  // namespace

std::vector<FlagSpec> GetFlags() {
  return {
      Switch("prefix", "every key that begins with KEY (all keys for \"\")"),
      Switch("from-key", "every key from KEY on, in byte order"),
      {.name = "rev", .kind = Kind::kInt, .value_name = "N", .help = "as it was at revision N"},
      {.name = "limit", .kind = Kind::kInt, .value_name = "N", .help = "at most N pairs"},
      {.name = "sort-by",
       .kind = Kind::kString,
       .value_name = "WHAT",
       .help = "CREATE, KEY, MODIFY, VALUE or VERSION"},
      {.name = "order", .kind = Kind::kString, .value_name = "HOW", .help = "ASCEND or DESCEND"},
      Switch("keys-only", "leave the values out"),
      Switch("count-only", "only how many keys there are"),
      Switch("print-value-only", "values without keys (simple output)"),
      Switch("serializable", "from the asked member alone: answers without a majority, may be old"),
      {.name = "consistency",
       .kind = Kind::kString,
       .value_name = "l|s",
       .help = "linearizable or serializable, as etcdctl spells it",
       .fallback = "l"},
  };
}

std::vector<FlagSpec> PutFlags() {
  return {
      {.name = "lease",
       .kind = Kind::kString,
       .value_name = "ID",
       .help = "attach the key to this lease (hexadecimal)"},
      Switch("prev-kv", "print the pair that was there"),
      Switch("ignore-value", "keep the stored value (change the lease only)"),
      Switch("ignore-lease", "keep the key's lease"),
  };
}

std::vector<FlagSpec> DeleteFlags() {
  return {
      Switch("prefix", "every key that begins with KEY (all keys for \"\")"),
      Switch("from-key", "every key from KEY on, in byte order"),
      Switch("prev-kv", "print the pairs that were deleted"),
  };
}

absl::StatusOr<KeyRange> ReadRange(const std::vector<std::string>& arguments, bool prefix,
                                   bool from_key) {
  if (arguments.empty()) return absl::InvalidArgumentError("no key was given");
  const std::string& key = arguments[0];
  if (prefix && from_key) {
    return absl::InvalidArgumentError("--prefix and --from-key exclude each other");
  }
  if (arguments.size() > 1) {
    if (prefix || from_key) {
      return absl::InvalidArgumentError(
          "a range end and --prefix or --from-key exclude each other");
    }
    return KeyRange::Encoded(key, arguments[1]);
  }
  if (prefix) return KeyRange::Prefix(key);
  if (from_key) return KeyRange::From(key);
  return KeyRange::Key(key);
}

absl::StatusOr<GetArguments> ReadGetArguments(const ParsedFlags& flags) {
  const auto range = ReadRange(flags.arguments(), flags.Bool("prefix"), flags.Bool("from-key"));
  if (!range.ok()) return range.status();
  const auto order = ReadOrder(flags.String("order"));
  if (!order.ok()) return order.status();
  const auto target = ReadSortTarget(flags.String("sort-by"));
  if (!target.ok()) return target.status();
  const auto serializable = ReadSerializable(flags);
  if (!serializable.ok()) return serializable.status();
  if (flags.Bool("keys-only") && flags.Bool("count-only")) {
    return absl::InvalidArgumentError("--keys-only and --count-only exclude each other");
  }
  GetArguments result{.range = *range};
  result.options.revision = flags.Int("rev");
  result.options.limit = flags.Int("limit");
  result.options.sort_by = *target;
  // Keys come in ascending order by themselves; another target needs an order to be sorted by.
  const bool needs_order = flags.Given("sort-by") && *order == SortOrder::kNone;
  result.options.order = needs_order ? SortOrder::kAscending : *order;
  result.options.serializable = *serializable;
  result.options.keys_only = flags.Bool("keys-only");
  result.options.count_only = flags.Bool("count-only");
  return result;
}

absl::StatusOr<PutArguments> ReadPutArguments(const ParsedFlags& flags) {
  const std::vector<std::string>& arguments = flags.arguments();
  if (arguments.empty()) return absl::InvalidArgumentError("no key was given");
  PutArguments result{.key = arguments[0]};
  if (arguments.size() > 1) result.value = arguments[1];
  result.options.prev_kv = flags.Bool("prev-kv");
  result.options.ignore_value = flags.Bool("ignore-value");
  result.options.ignore_lease = flags.Bool("ignore-lease");
  if (result.options.ignore_value) {
    if (result.value)
      return absl::InvalidArgumentError("--ignore-value and a value exclude each other");
    result.value = "";
  }
  if (flags.Given("lease")) {
    const auto lease = ParseLeaseId(flags.String("lease"));
    if (!lease.ok()) return lease.status();
    result.options.lease = *lease;
  }
  return result;
}

absl::StatusOr<DeleteArguments> ReadDeleteArguments(const ParsedFlags& flags) {
  const auto range = ReadRange(flags.arguments(), flags.Bool("prefix"), flags.Bool("from-key"));
  if (!range.ok()) return range.status();
  return DeleteArguments{.range = *range, .options = {.prev_kv = flags.Bool("prev-kv")}};
}

}  // namespace keelson::kvctl
