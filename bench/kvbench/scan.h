// Reads a whole key space in pages.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "bench/kvbench/options.h"
#include "bench/kvbench/unary.h"

namespace keelson::kvbench {

struct ScanTotals {
  int64_t keys = 0;
  int64_t pages = 0;
  int64_t bytes = 0;
};

// All keys with the options' prefix, in pages of `options.limit`, every page at the revision of the
// first one. Calls `on_pair` with key and mod_revision of each.
absl::StatusOr<ScanTotals> Scan(const Options& options, UnaryClient& client,
                                absl::FunctionRef<void(std::string_view, int64_t)> on_pair);

}  // namespace keelson::kvbench
