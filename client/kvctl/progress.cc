#include "client/kvctl/progress.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace keelson::kvctl {
namespace {

std::string Amount(uint64_t count, ProgressLine::Unit unit) {
  switch (unit) {
    case ProgressLine::Unit::kBytes:
      return absl::StrCat((count + 500'000) / 1'000'000, " MB");
    case ProgressLine::Unit::kKeys:
      return absl::StrCat(count, " keys");
    case ProgressLine::Unit::kSeconds:
      break;
  }
  return absl::StrCat(count, " s");
}

}  // namespace

ProgressLine::~ProgressLine() {
  if (shown_ != UINT64_MAX) *out_ << "\n";
}

void ProgressLine::Show(uint64_t done, uint64_t total) {
  constexpr uint64_t kWidth = 40;
  if (out_ == nullptr) return;
  // Without a total about a hundred lines for each factor of ten.
  uint64_t step = 1;
  while (total == 0 && step * 1000 <= done) step *= 10;
  const uint64_t shown = total == 0 ? done / step * step : std::min(done, total) * 100 / total;
  if (shown == shown_) return;
  shown_ = shown;
  if (total == 0) {
    *out_ << "\r" << Amount(shown, unit_) << std::flush;
    return;
  }
  const uint64_t filled = kWidth * shown / 100;
  *out_ << "\r[" << std::string(filled, '#') << std::string(kWidth - filled, ' ') << "] "
        << absl::StrFormat("%3d", shown) << " % of " << Amount(total, unit_) << std::flush;
}

}  // namespace keelson::kvctl
