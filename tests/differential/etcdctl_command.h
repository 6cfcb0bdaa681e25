// Random command lines for etcdctl.
#pragma once

#include <string>
#include <vector>

#include "tests/differential/random.h"
#include "tests/differential/world.h"

namespace keelson::differential {

struct EtcdctlCommand {
  // A word "@N" stands for the id of the driver's lease N, each server's own.
  std::vector<std::string> words = {};
  std::string input = {};
  // A watch has no end of its own: it is stopped when its output has the change of this revision.
  int64_t stop_at_revision = 0;
  // The key to write first, so that there is such a change.
  std::string marker_key = {};

  std::string Describe() const;
};

EtcdctlCommand RandomEtcdctlCommand(Random& random, const World& world);

}  // namespace keelson::differential
