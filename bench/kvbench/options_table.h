// The options and their help, one row each.
#pragma once

#include <string_view>
#include <vector>

#include "bench/kvbench/options.h"

namespace keelson::kvbench {

struct OptionSpec {
  std::string_view group;
  std::string_view name;   // without dashes
  std::string_view value;  // what the value is; empty for a switch
  std::string_view help;
  bool (*set)(Options& options, std::string_view value);  // false: not a valid value
};

const std::vector<OptionSpec>& OptionTable();
std::string_view HelpExamples();

}  // namespace keelson::kvbench
