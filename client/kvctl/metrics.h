// What a member says of itself in Prometheus' text format, as far as kvctl asks.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keelson::kvctl {

class Metrics {
 public:
  // Lines that are no samples are skipped.
  static Metrics Parse(std::string_view text);

  // The sum of the samples of that name, of those whose labels contain `labels`; none without one.
  std::optional<double> Sum(const std::string& name, const std::string& labels = "") const;
  // The same of the first of `names` that there is: names changed between versions.
  std::optional<double> First(const std::vector<std::string>& names) const;
  // The bound of the histogram's bucket below which `share` of what it counted lies; infinity for
  // the last one; none where it counted nothing.
  std::optional<double> Quantile(const std::string& histogram, double share) const;

 private:
  struct Sample {
    std::string labels;
    double value;
  };
  std::multimap<std::string, Sample> samples_;
};

}  // namespace keelson::kvctl
