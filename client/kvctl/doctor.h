// What is wrong with a cluster, found in what its members say: no asking here, only judging.
#pragma once

#include <string>
#include <vector>

#include "client/kvctl/survey.h"

namespace keelson::kvctl {

struct Finding {
  enum class Level { kOk, kHint, kWarning, kFailure };

  Level level = Level::kOk;
  std::string check = {};     // "quorum", "leader", "disk", ...: for programs
  std::string member = {};    // empty: the cluster's
  std::string evidence = {};  // what was seen, with numbers
  std::string advice = {};    // the next step; empty where all is well
};

// Every check's verdict, the worst first.
std::vector<Finding> Diagnose(const std::vector<MemberFacts>& members,
                              const std::vector<client::Alarm>& alarms);

}  // namespace keelson::kvctl
