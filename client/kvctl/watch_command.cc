// watch.
#include <ostream>

#include "client/kvctl/command.h"
#include "client/kvctl/kv_arguments.h"

namespace keelson::kvctl {
namespace {

using Kind = FlagSpec::Kind;

absl::StatusOr<std::vector<client::WatchTarget>> ReadTargets(const ParsedFlags& flags) {
  const bool prefix = flags.Bool("prefix");
  const int64_t revision = flags.Int("rev");
  const auto first = ReadRange(flags.arguments(), prefix, /*from_key=*/false);
  if (!first.ok()) return first.status();
  std::vector<client::WatchTarget> targets = {{.range = *first, .start_revision = revision}};
  for (const std::string& key : flags.List("also")) {
    targets.push_back({.range = prefix ? client::KeyRange::Prefix(key) : client::KeyRange::Key(key),
                       .start_revision = revision});
  }
  return targets;
}

// Prints batches until the watch ends, or so many events came (0: no limit).
ExitCode Follow(Invocation& invocation, client::Watcher& watcher, int64_t wanted) {
  int64_t seen = 0;
  while (true) {
    auto batch = watcher.Next();
    if (!batch.ok()) return invocation.Report(batch.status());
    if (wanted > 0 && seen + static_cast<int64_t>(batch->events.size()) > wanted) {
      batch->events.resize(static_cast<size_t>(wanted - seen));
    }
    invocation.writer().Watch(*batch);
    invocation.out().flush();
    seen += static_cast<int64_t>(batch->events.size());
    if (wanted > 0 && seen >= wanted) return kOk;
  }
}

ExitCode RunWatch(Invocation& invocation) {
  const ParsedFlags& flags = invocation.flags();
  auto targets = ReadTargets(flags);
  if (!targets.ok()) return invocation.Misused(std::string(targets.status().message()));
  std::ostream& err = invocation.err();
  const auto watcher = invocation.client().Watch(
      *std::move(targets),
      {.prev_kv = flags.Bool("prev-kv"),
       .progress_notify = flags.Bool("progress-notify"),
       .on_interrupted = [&err](const absl::Status& status) {
         err << "kvctl: the watch was interrupted and goes on at the next member: "
             << std::string(status.message()) << "\n";
       }});
  const auto ready = watcher->WaitReady(flags.Duration("command-timeout"));
  if (!ready.ok() && !absl::IsOutOfRange(ready.status())) {
    return invocation.Report(client::WithOutcome(ready.status(), client::Outcome::kFailed));
  }
  return Follow(invocation, *watcher, flags.Int("events"));
}

}  // namespace

std::vector<Command> WatchCommands() {
  return {
      {.name = "watch",
       .arguments = "KEY [RANGE_END]",
       .summary = "Print the changes of keys as they happen",
       .details =
           R"(Runs until it is stopped with Ctrl-C. When the member it uses fails, it goes on at the next one
without missing or repeating a change. Plain output is PUT or DELETE, the key, the value.
)",
       .examples = R"(  kvctl watch greeting
  kvctl watch /config/ --prefix --prev-kv     with what was there before
  kvctl watch greeting --rev 1                from the beginning of history
  kvctl watch a --also b --also c             several keys at once
  kvctl watch done --events 1                 wait for the next change
  kvctl watch /jobs/ --prefix -o json | while read -r line; do echo "$line"; done
)",
       .flags = {{.name = "prefix",
                  .help = "every key that begins with KEY (all keys for \"\")",
                  .fallback = "false"},
                 {.name = "also",
                  .kind = Kind::kWords,
                  .value_name = "KEY",
                  .help = "a further key (or prefix, with --prefix); may be repeated"},
                 {.name = "rev",
                  .kind = Kind::kInt,
                  .value_name = "N",
                  .help = "from revision N on, past ones included"},
                 {.name = "prev-kv",
                  .help = "print the pair before each change, too",
                  .fallback = "false"},
                 {.name = "progress-notify",
                  .help = "print the server's marks that all up to a revision has been delivered",
                  .fallback = "false"},
                 {.name = "events",
                  .kind = Kind::kInt,
                  .value_name = "N",
                  .help = "end after N changes"}},
       .min_arguments = 1,
       .max_arguments = 2,
       .run = RunWatch}};
}

}  // namespace keelson::kvctl
