// kvd: one member of a Keelson cluster.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "server/kvd/flags.h"
#include "server/kvd/kvd.h"
#include "server/node/node_options.h"

namespace {

void PrintError(const absl::Status& status) {
  std::fprintf(stderr, "kvd: %s\n", std::string(status.message()).c_str());
}

}  // namespace

int main(int argc, char** argv) {
  using keelson::server::Kvd;
  std::vector<std::string> environment;
  for (char** pair = environ; *pair != nullptr; ++pair) environment.emplace_back(*pair);
  const auto flags =
      keelson::server::ParseFlags(std::vector<std::string>(argv + 1, argv + argc), environment);
  if (!flags.ok()) {
    PrintError(flags.status());
    std::fprintf(stderr, "Run kvd --help for the flags.\n");
    return absl::IsInvalidArgument(flags.status()) ? 2 : 1;
  }
  if (flags->help) {
    std::fputs(keelson::server::HelpText().c_str(), stdout);
    return 0;
  }
  if (flags->version) {
    std::printf("etcd Version: %s\nKeelson kvd, API of etcd %s\n", keelson::server::kApiVersion,
                keelson::server::kApiVersion);
    return 0;
  }
  std::signal(SIGPIPE, SIG_IGN);
  Kvd kvd(*flags);
  absl::Status status = kvd.Open();
  if (status.ok()) status = kvd.Run();
  if (!status.ok()) {
    PrintError(status);
    return 1;
  }
  return 0;
}
