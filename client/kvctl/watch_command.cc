// watch.
#include <memory>
#include <mutex>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "client/kvctl/command.h"
#include "client/kvctl/kv_arguments.h"
#include "client/kvctl/program.h"
#include "client/kvctl/text.h"

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

// Runs the program once for each event, with what happened in its environment: names and form are
// etcdctl's.
absl::Status RunForEach(const std::vector<std::string>& program, const client::WatchBatch& batch) {
  for (const client::WatchEvent& event : batch.events) {
    const bool put = event.type == client::WatchEvent::Type::kPut;
    const auto started = Program::Start(
        program, {absl::StrCat("ETCD_WATCH_REVISION=", event.kv.mod_revision),
                  absl::StrCat("ETCD_WATCH_EVENT_TYPE=\"", put ? "PUT" : "DELETE", "\""),
                  absl::StrCat("ETCD_WATCH_KEY=", Quoted(event.kv.key)),
                  absl::StrCat("ETCD_WATCH_VALUE=", Quoted(event.kv.value))});
    if (!started.ok()) return started.status();
    const int code = (*started)->Wait();
    if (code != 0) {
      return absl::AbortedError(
          absl::StrCat(program[0], " ended with ", code, " at revision ", event.kv.mod_revision));
    }
  }
  return absl::OkStatus();
}

// Tells of an interruption once, not at each attempt to go on. Thread-safe.
class Interruptions {
 public:
  explicit Interruptions(std::ostream& err) : err_(err) {}

  void Tell(const absl::Status& status) {
    const std::lock_guard lock(mutex_);
    if (told_ == status.message()) return;
    told_ = std::string(status.message());
    err_ << "kvctl: the watch was interrupted and goes on at the next member: " << told_ << "\n";
  }

  void Over() {
    const std::lock_guard lock(mutex_);
    told_.clear();
  }

 private:
  std::ostream& err_;
  std::mutex mutex_;  // guards told_
  std::string told_;
};

// What to do with each batch.
struct Following {
  int64_t wanted = 0;  // end after so many events; 0: no limit
  std::vector<std::string> program = {};
  Interruptions* interruptions = nullptr;
};

// Prints batches until the watch ends, or enough events came.
ExitCode Follow(Invocation& invocation, client::Watcher& watcher, const Following& following) {
  const int64_t wanted = following.wanted;
  int64_t seen = 0;
  while (true) {
    auto batch = watcher.Next();
    if (!batch.ok()) return invocation.Report(batch.status());
    following.interruptions->Over();
    if (wanted > 0 && seen + static_cast<int64_t>(batch->events.size()) > wanted) {
      batch->events.resize(static_cast<size_t>(wanted - seen));
    }
    invocation.writer().Watch(*batch);
    invocation.out().flush();
    if (!following.program.empty()) {
      const absl::Status status = RunForEach(following.program, *batch);
      if (!status.ok()) {
        return invocation.Report(client::WithOutcome(status, client::Outcome::kFailed));
      }
    }
    seen += static_cast<int64_t>(batch->events.size());
    if (wanted > 0 && seen >= wanted) return kOk;
  }
}

ExitCode RunWatch(Invocation& invocation) {
  const std::vector<std::string> program = invocation.TakeProgram();
  const ParsedFlags& flags = invocation.flags();
  if (flags.arguments().size() > 2) return invocation.Misused("watch takes a key and a range end");
  auto targets = ReadTargets(flags);
  if (!targets.ok()) return invocation.Misused(std::string(targets.status().message()));
  // Outlives the watcher, which the client's thread may be telling of an interruption.
  const auto interruptions = std::make_shared<Interruptions>(invocation.err());
  const auto watcher = invocation.client().Watch(
      *std::move(targets), {.prev_kv = flags.Bool("prev-kv"),
                            .progress_notify = flags.Bool("progress-notify"),
                            .on_interrupted = [interruptions](const absl::Status& status) {
                              interruptions->Tell(status);
                            }});
  const auto ready = watcher->WaitReady(flags.Duration("command-timeout"));
  if (!ready.ok() && !absl::IsOutOfRange(ready.status())) {
    return invocation.Report(client::WithOutcome(ready.status(), client::Outcome::kFailed));
  }
  return Follow(
      invocation, *watcher,
      {.wanted = flags.Int("events"), .program = program, .interruptions = interruptions.get()});
}

}  // namespace

std::vector<Command> WatchCommands() {
  return {
      {.name = "watch",
       .arguments = "KEY [RANGE_END] [-- PROGRAM [WORD...]]",
       .summary = "Print the changes of keys as they happen",
       .details =
           R"(Runs until it is stopped with Ctrl-C. When the member it uses fails, it goes on at
the next one without missing or repeating a change. Plain output is PUT or DELETE, the key, the
value.

PROGRAM runs once for each change, one after the other, with ETCD_WATCH_EVENT_TYPE,
ETCD_WATCH_KEY, ETCD_WATCH_VALUE (each in double quotes) and ETCD_WATCH_REVISION in its
environment; the watch ends with 1 when it fails. A key that begins with - needs a -- of its own:
kvctl watch -- -key -- PROGRAM.
)",
       .examples = R"(  kvctl watch greeting
  kvctl watch /config/ --prefix --prev-kv     with what was there before
  kvctl watch greeting --rev 1                from the beginning of history
  kvctl watch a --also b --also c             several keys at once
  kvctl watch done --events 1                 wait for the next change
  kvctl watch /etc/app --prefix -- systemctl reload app
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
       .max_arguments = -1,
       .run = RunWatch}};
}

}  // namespace keelson::kvctl
