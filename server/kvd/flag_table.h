// The table of all flags, and how the text of a value becomes the value.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"
#include "server/kvd/flags.h"

namespace keelson::server {

// A flag of etcd's that means nothing here: taken, and told in the log why nothing comes of it.
struct NoEffect {
  bool is_bool = false;
};
// A flag of etcd's that must not be passed over, since its user counts on it: given with a value
// other than "" and false, kvd does not start.
struct Refused {
  bool is_bool = false;
};

struct Flag {
  std::string_view name;
  std::variant<std::string KvdFlags::*, int64_t KvdFlags::*, bool KvdFlags::*,
               KvdFlags::Time KvdFlags::*, NoEffect, Refused>
      target;
  std::string_view help;  // what it does; why it does nothing; why it is refused
  // The spelling of before etcd 3.6, "experimental-" + name, is taken, too.
  bool was_experimental = false;
};

struct FlagSection {
  std::string_view title;
  std::span<const Flag> flags;
};

// All flags, in the order of --help.
std::span<const FlagSection> FlagSections();

// By its name or its older spelling; null where there is none.
const Flag* FindFlag(std::string_view name);

// Whether `--name` alone means true.
bool IsBool(const Flag& flag);

// The nearest name of a flag to one that is none.
std::string_view NearestFlag(std::string_view name);

// Sets what `flag` names. Notes a warning for one without effect. InvalidArgument for a bad value,
// FailedPrecondition for a refused flag.
absl::Status Assign(const Flag& flag, std::string_view value, KvdFlags* flags);

// InvalidArgument: `value` is none for --name, which wants `wanted`.
absl::Status BadValue(std::string_view name, std::string_view value, std::string_view wanted);

// The default of a flag as --help shows it; "" where there is nothing to show.
std::string DefaultText(const Flag& flag);

}  // namespace keelson::server
