// How far something long has come: one line on a terminal that is written over, nothing elsewhere.
#pragma once

#include <cstdint>
#include <ostream>

#include "client/kvctl/command.h"

namespace keelson::kvctl {

class ProgressLine {
 public:
  enum class Unit { kBytes, kKeys, kSeconds };

  ProgressLine(const Invocation& invocation, Unit unit)
      : out_(invocation.err_is_terminal() ? &invocation.err() : nullptr), unit_(unit) {}
  // Leaves the last state on its line.
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // With a bar where `total` is known, which is when it is not 0.
  void Show(uint64_t done, uint64_t total);

 private:
  std::ostream* const out_;
  const Unit unit_;
  uint64_t shown_ = UINT64_MAX;
};

}  // namespace keelson::kvctl
