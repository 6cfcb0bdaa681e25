#include "client/kvctl/metrics.h"

#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace keelson::kvctl {

Metrics Metrics::Parse(std::string_view text) {
  Metrics metrics;
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    if (line.empty() || line[0] == '#') continue;
    const size_t open = line.find('{');
    const size_t close = open == absl::string_view::npos ? open : line.rfind('}');
    const size_t name_end = open == absl::string_view::npos ? line.find(' ') : open;
    const size_t value_at = close == absl::string_view::npos ? name_end : close + 1;
    if (name_end == absl::string_view::npos || value_at >= line.size()) continue;
    Sample sample{.labels = {}, .value = 0};
    if (close != absl::string_view::npos) {
      sample.labels = std::string(line.substr(open + 1, close - open - 1));
    }
    if (!absl::SimpleAtod(line.substr(value_at), &sample.value)) continue;
    metrics.samples_.emplace(std::string(line.substr(0, name_end)), std::move(sample));
  }
  return metrics;
}

std::optional<double> Metrics::Sum(const std::string& name, const std::string& labels) const {
  std::optional<double> sum;
  const auto [begin, end] = samples_.equal_range(name);
  for (auto sample = begin; sample != end; ++sample) {
    if (absl::StrContains(sample->second.labels, labels)) {
      sum = sum.value_or(0) + sample->second.value;
    }
  }
  return sum;
}

std::optional<double> Metrics::First(const std::vector<std::string>& names) const {
  for (const std::string& name : names) {
    if (const auto sum = Sum(name)) return sum;
  }
  return std::nullopt;
}

std::optional<double> Metrics::Quantile(const std::string& histogram, double share) const {
  const auto total = Sum(histogram + "_count");
  if (!total || *total <= 0) return std::nullopt;
  std::map<double, double> buckets;  // bound -> how many were at most that
  const auto [begin, end] = samples_.equal_range(histogram + "_bucket");
  for (auto sample = begin; sample != end; ++sample) {
    const std::string& labels = sample->second.labels;
    const size_t at = labels.find("le=\"");
    double bound = 0;
    const bool valid =
        at != std::string::npos &&
        absl::SimpleAtod(labels.substr(at + 4, labels.find('"', at + 4) - at - 4), &bound);
    if (valid) buckets[bound] += sample->second.value;
  }
  for (const auto& [bound, count] : buckets) {
    if (count >= share * *total) return bound;
  }
  return std::numeric_limits<double>::infinity();
}

}  // namespace keelson::kvctl
