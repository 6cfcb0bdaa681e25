// Keys, ranges and values that meet each other often.
#pragma once

#include <string>

#include "tests/differential/random.h"

namespace keelson::differential {

std::string RandomKey(Random& random);
std::string RandomValue(Random& random);

// A range in every encoding that the API knows; sometimes empty, reversed or without a key.
struct KeyInterval {
  std::string key = {};
  std::string end = {};
};
KeyInterval RandomInterval(Random& random);

}  // namespace keelson::differential
