// kvctl: hands the process's surroundings to Run.
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "client/kvctl/run.h"

int main(int argc, char** argv) {
  keelson::kvctl::Environment environment{.in = &std::cin, .out = &std::cout, .err = &std::cerr};
  environment.in_is_terminal = isatty(STDIN_FILENO) != 0;
  environment.out_is_terminal = isatty(STDOUT_FILENO) != 0;
  environment.err_is_terminal = isatty(STDERR_FILENO) != 0;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string::npos) continue;
    const std::string name = text.substr(0, equals);
    if (name != "NO_COLOR" && !absl::StartsWith(name, "KVCTL_")) continue;
    environment.variables[name] = text.substr(equals + 1);
  }
  const int code =
      keelson::kvctl::Run(std::vector<std::string>(argv + 1, argv + argc), environment);
  std::cout.flush();
  std::cerr.flush();
  // At once: gRPC's threads may still be closing connections, and must not meet the destructors of
  // a process on its way out.
  std::_Exit(code);
}
