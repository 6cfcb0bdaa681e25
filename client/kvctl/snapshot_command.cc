// snapshot save.
#include <iomanip>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "client/kvctl/command.h"
#include "client/kvctl/save_file.h"

namespace keelson::kvctl {
namespace {

// One line on a terminal that is written over.
class ProgressLine {
 public:
  // `out` null: nothing is shown.
  explicit ProgressLine(std::ostream* out) : out_(out) {}
  ~ProgressLine() {
    if (shown_ >= 0) *out_ << "\n";
  }
  void Show(uint64_t done, uint64_t total) {
    constexpr uint64_t kWidth = 40;
    const int percent = total == 0 ? 100 : static_cast<int>(done * 100 / total);
    if (out_ == nullptr || percent == shown_) return;
    shown_ = percent;
    const uint64_t filled = kWidth * static_cast<uint64_t>(percent) / 100;
    *out_ << "\r[" << std::string(filled, '#') << std::string(kWidth - filled, ' ') << "] "
          << std::setw(3) << percent << " % of " << (total + 500'000) / 1'000'000 << " MB"
          << std::flush;
  }

 private:
  std::ostream* const out_;
  int shown_ = -1;
};

ExitCode RunSave(Invocation& invocation) {
  const std::string& name = invocation.arguments()[0];
  const std::vector<std::string>& endpoints = invocation.flags().List("endpoints");
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
    ProgressLine line(invocation.err_is_terminal() ? &invocation.err() : nullptr);
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
