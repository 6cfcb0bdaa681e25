// kvd: one member of a Keelson cluster.
#include <google/protobuf/stubs/logging.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "commit.h"
#include "server/kvd/flags.h"
#include "server/kvd/kvd.h"
#include "server/kvd/snapshot_command.h"
#include "server/node/node_options.h"

namespace {

void PrintError(const absl::Status& status) {
  std::fprintf(stderr, "kvd: %s\n", std::string(status.message()).c_str());
}

// Its log is written out when it is gone: the reason for an end is the last line.
absl::Status RunMember(const keelson::server::KvdFlags& flags) {
  keelson::server::Kvd kvd(flags);
  const absl::Status status = kvd.Open();
  return status.ok() ? kvd.Run() : status;
}

void PrintVersion() {
  std::printf(
      "etcd Version: %s\nGit SHA: %s\nGo Version: none, this is C++\nGo OS/Arch: linux/%s\n"
      "Keelson kvd, API of etcd %s\n",
      keelson::server::kApiVersion, KEELSON_COMMIT, KEELSON_ARCHITECTURE,
      keelson::server::kApiVersion);
}

}  // namespace

int main(int argc, char** argv) {
  // What clients send that can't be read is answered to them; standard error is for lines of JSON.
  google::protobuf::SetLogHandler(nullptr);
  std::vector<std::string> environment;
  for (char** pair = environ; *pair != nullptr; ++pair) environment.emplace_back(*pair);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!arguments.empty() && arguments[0] == "snapshot") {
    return keelson::server::RunSnapshotCommand({arguments.begin() + 1, arguments.end()});
  }
  const auto flags = keelson::server::ParseFlags(arguments, environment);
  if (!flags.ok()) {
    std::fprintf(stderr, "Run kvd --help for the flags.\n");
    PrintError(flags.status());
    return absl::IsInvalidArgument(flags.status()) ? 2 : 1;
  }
  if (flags->help) {
    std::fputs(keelson::server::HelpText().c_str(), stdout);
    return 0;
  }
  if (flags->version) {
    PrintVersion();
    return 0;
  }
  std::signal(SIGPIPE, SIG_IGN);
  if (const absl::Status status = RunMember(*flags); !status.ok()) {
    PrintError(status);
    return 1;
  }
  return 0;
}
