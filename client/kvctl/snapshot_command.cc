// snapshot save.
#include <ostream>

#include "client/kvctl/command.h"
#include "client/kvctl/progress.h"
#include "client/kvctl/save_file.h"

namespace keelson::kvctl {
namespace {

ExitCode RunSave(Invocation& invocation) {
  const std::string& name = invocation.arguments()[0];
  const std::vector<std::string>& endpoints = invocation.endpoints();
  if (endpoints.size() != 1) {
    return invocation.Misused(
        "snapshot save: each member has a snapshot of its own; name one in --endpoints");
  }
  auto file = SaveFile::Create(name);
  if (!file.ok())
    return invocation.Report(client::WithOutcome(file.status(), client::Outcome::kFailed));
  client::CallOptions call;
  if (invocation.flags().Given("command-timeout")) {
    call.timeout = invocation.flags().Duration("command-timeout");
  }
  uint64_t done = 0;
  absl::Status status;
  {
    ProgressLine line(invocation, ProgressLine::Unit::kBytes);
    status = invocation.client().maintenance().Snapshot(
        endpoints[0],
        [&](std::string_view bytes, uint64_t remaining) {
          done += bytes.size();
          line.Show(done, done + remaining);
          return (*file)->Append(bytes);
        },
        call);
  }
  if (status.ok()) status = (*file)->Commit();
  if (!status.ok()) {
    return invocation.Report(client::WithOutcome(status, client::Outcome::kFailed));
  }
  invocation.out() << "Snapshot saved at " << name << "\n";
  return kOk;
}

}  // namespace

std::vector<Command> SnapshotCommands() {
  return {
      {.name = "snapshot save",
       .arguments = "FILE",
       .summary = "Save one member's whole state into a file",
       .details =
           R"(The file appears once it is whole, on the disk, and found to fit its checksum; until
then there is FILE.part. `kvd snapshot status FILE` looks at it, `kvd snapshot restore FILE` makes
a new cluster of it. Name the member in --endpoints. The command takes as long as it needs, unless
--command-timeout is given.
)",
       .examples = "  kvctl --endpoints 127.0.0.1:22379 snapshot save backup.db\n",
       .min_arguments = 1,
       .max_arguments = 1,
       .run = RunSave}};
}

}  // namespace keelson::kvctl
