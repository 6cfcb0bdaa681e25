// kvd as the next version of it will be to the others: it reads log entries of one version more.
// None of that version exists yet; what is tested is how it gets into a cluster, and who is kept
// out then.
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "server/apply/entry_version.h"
#include "server/kvd/flags.h"
#include "server/kvd/kvd.h"

int main(int argc, char** argv) {
  const auto flags =
      keelson::server::ParseFlags(std::vector<std::string>(argv + 1, argv + argc), {});
  absl::Status status = flags.status();
  if (status.ok()) {
    std::signal(SIGPIPE, SIG_IGN);
    keelson::server::Kvd kvd(*flags, keelson::server::kEntryVersion + 1);
    status = kvd.Open();
    if (status.ok()) status = kvd.Run();
  }
  if (!status.ok()) std::fprintf(stderr, "kvd_next: %s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
