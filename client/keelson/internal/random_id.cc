#include "client/keelson/internal/random_id.h"

#include <cstdint>
#include <random>

#include "absl/strings/str_cat.h"

namespace keelson::client::internal {
namespace {

uint64_t Draw() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

}  // namespace

std::string RandomId() {
  return absl::StrCat(absl::Hex(Draw(), absl::kZeroPad16), absl::Hex(Draw(), absl::kZeroPad16));
}

double RandomShare() { return 0.5 + static_cast<double>(Draw() >> 12) / (uint64_t{1} << 53); }

}  // namespace keelson::client::internal
