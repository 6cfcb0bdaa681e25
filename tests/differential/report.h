// What a run has seen: counts, explained differences, failures with the way to replay them.
#pragma once

#include <cstdint>
#include <map>
#include <ostream>
#include <string>

#include "tests/differential/exceptions.h"

namespace keelson::differential {

class Report {
 public:
  // `replay` is the command line that repeats the run.
  Report(std::ostream& out, std::string replay, int max_failures)
      : out_(out), replay_(std::move(replay)), max_failures_(max_failures) {}

  // Counts a comparison under `kind`, such as "Range ok" or "Put 3".
  void Count(const std::string& kind) { ++counts_[kind]; }

  // Takes a difference: explained by an exception, or printed as a failure.
  void Take(int64_t op, const std::string& what, const Difference& difference);

  // Too many failures to go on.
  bool Hopeless() const { return failures_ >= max_failures_; }
  int failures() const { return failures_; }

  void PrintSummary() const;

 private:
  std::ostream& out_;
  const std::string replay_;
  const int max_failures_;
  int failures_ = 0;
  std::map<std::string, int64_t> counts_;
  std::map<std::string, int64_t> explained_;
};

}  // namespace keelson::differential
