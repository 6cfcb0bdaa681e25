#include "client/kvctl/watching.h"

#include <utility>

#include "absl/strings/str_cat.h"
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
    if (!started.ok()) return absl::FailedPreconditionError(started.status().message());
    const int code = (*started)->Wait();
    if (code != 0) {
      return absl::AbortedError(
          absl::StrCat(program[0], " ended with ", code, " at revision ", event.kv.mod_revision));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<FlagSpec> WatchFlags() {
  return {
      {.name = "prefix",
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
      {.name = "prev-kv", .help = "print the pair before each change, too", .fallback = "false"},
      {.name = "progress-notify",
       .help = "print the server's marks that all up to a revision has been delivered",
       .fallback = "false"},
      {.name = "events", .kind = Kind::kInt, .value_name = "N", .help = "end after N changes"}};
}

bool WatchOutput::Print(const client::WatchBatch& batch) {
  {
    const std::lock_guard lock(err_);
    told_.clear();
  }
  const std::lock_guard lock(out_);
  invocation_.writer().Watch(batch);
  invocation_.out().flush();
  return invocation_.out().good();
}

ExitCode WatchOutput::Report(const absl::Status& status) {
  const std::lock_guard lock(err_);
  return invocation_.Report(status);
}

ExitCode WatchOutput::Misused(const std::string& what) {
  const std::lock_guard lock(err_);
  return invocation_.Misused(what);
}

void WatchOutput::Interrupted(const absl::Status& status) {
  const std::lock_guard lock(err_);
  if (told_ == status.message()) return;
  told_ = std::string(status.message());
  invocation_.err() << "kvctl: the watch was interrupted and goes on at the next member: " << told_
                    << "\n";
}

absl::StatusOr<std::unique_ptr<Watching>> Watching::Open(const Invocation& invocation,
                                                         ParsedFlags flags,
                                                         std::shared_ptr<WatchOutput> output) {
  auto program = flags.TakeProgram();
  if (!program.ok()) return program.status();
  if (flags.arguments().empty() || flags.arguments().size() > 2) {
    return absl::InvalidArgumentError("watch takes a key and a range end");
  }
  auto targets = ReadTargets(flags);
  if (!targets.ok()) return targets.status();
  // The output outlives the watcher, which the client's thread may be telling of an interruption.
  std::unique_ptr<Watching> watching(new Watching(
      output, invocation.client().Watch(*std::move(targets),
                                        {.prev_kv = flags.Bool("prev-kv"),
                                         .progress_notify = flags.Bool("progress-notify"),
                                         .on_interrupted = [output](const absl::Status& status) {
                                           output->Interrupted(status);
                                         }})));
  watching->patience_ = invocation.flags().Duration("command-timeout");
  watching->wanted_ = flags.Int("events");
  watching->program_ = *std::move(program);
  return watching;
}

ExitCode Watching::Follow() {
  const auto ready = watcher_->WaitReady(patience_);
  if (!ready.ok() && !absl::IsOutOfRange(ready.status())) {
    return output_->Report(client::WithOutcome(ready.status(), client::Outcome::kFailed));
  }
  int64_t seen = 0;
  while (true) {
    auto batch = watcher_->Next();
    if (!batch.ok()) return output_->Report(batch.status());
    if (wanted_ > 0 && seen + static_cast<int64_t>(batch->events.size()) > wanted_) {
      batch->events.resize(static_cast<size_t>(wanted_ - seen));
    }
    if (!output_->Print(*batch)) return kOk;  // there is nobody to tell; Run says so
    if (!program_.empty()) {
      const absl::Status status = RunForEach(program_, *batch);
      if (!status.ok()) {
        return output_->Report(client::WithOutcome(status, client::Outcome::kFailed));
      }
    }
    seen += static_cast<int64_t>(batch->events.size());
    if (wanted_ > 0 && seen >= wanted_) return kOk;
  }
}

}  // namespace keelson::kvctl
