// kvctl in the test's own process.
#pragma once

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "client/kvctl/run.h"

namespace keelson::kvctl {

struct Ran {
  int code;
  std::string out;
  std::string err;
};

inline Ran RunWith(const std::vector<std::string>& words, const std::string& input = "",
                   std::map<std::string, std::string> variables = {}, Stop* stop = nullptr) {
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  const int code =
      Run(words, {.in = &in, .out = &out, .err = &err, .variables = variables, .stop = stop});
  return {code, out.str(), err.str()};
}

}  // namespace keelson::kvctl
