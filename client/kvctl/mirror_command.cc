// make-mirror: what is there, then every change, into another cluster.
//
//   [copy all at revision R] -> follow from R+1 <-> apply a batch, note its revision in --state
//        |  --rev N or --state: left out                  |
//        v                                                v
//      failed                      compacted away, refused: failed; --once and caught up, signal:
//      done
#include <fstream>
#include <memory>
#include <ostream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "client/kvctl/command.h"
#include "client/kvctl/json.h"
#include "client/kvctl/pages.h"
#include "client/kvctl/progress.h"
#include "client/kvctl/save_file.h"
#include "client/kvctl/transfer.h"

namespace keelson::kvctl {
namespace {

using Kind = FlagSpec::Kind;

// How often the state file is written while changes come.
constexpr absl::Duration kStateInterval = absl::Seconds(1);

class Mirror {
 public:
  Mirror(Invocation& invocation, client::Client& destination, KeyMap map)
      : invocation_(invocation),
        map_(std::move(map)),
        state_path_(invocation.flags().String("state")),
        putter_(destination.kv(), static_cast<size_t>(invocation.flags().Int("max-txn-ops"))),
        line_(invocation, ProgressLine::Unit::kKeys) {}

  int64_t revision() const { return revision_; }
  int64_t done() const { return putter_.done(); }

  // The revision after which to follow; 0: copy everything first.
  absl::Status Begin() {
    if (invocation_.flags().Given("rev")) {
      revision_ = invocation_.flags().Int("rev") - 1;
      return revision_ > 0 ? absl::OkStatus()
                           : absl::InvalidArgumentError("--rev: give a revision after 1");
    }
    if (state_path_.empty()) return absl::OkStatus();
    std::ifstream file(state_path_);
    std::string text;
    if (!file.is_open() || !std::getline(file, text)) return absl::OkStatus();
    if (absl::SimpleAtoi(text, &revision_) && revision_ > 0) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(state_path_, " holds no revision"));
  }

  absl::Status CopyAll() {
    if (revision_ > 0) return absl::OkStatus();
    Pages pages(invocation_.client().kv(), client::KeyRange::Prefix(map_.prefix), {});
    uint64_t copied = 0;
    while (true) {
      const auto page = pages.Next();
      if (!page.ok()) return page.status();
      if (page->empty()) break;
      for (const client::KeyValue& pair : *page) {
        if (auto status = putter_.Put(map_.Map(pair.key), pair.value); !status.ok()) return status;
      }
      copied += page->size();
      line_.Show(copied, static_cast<uint64_t>(pages.count()));
    }
    if (auto status = putter_.Flush(); !status.ok()) return status;
    return Reached(pages.revision(), /*now=*/true);
  }

  // Applies batches until `watcher` ends, `stopped`, or, if `last` is not 0, all up to it came.
  absl::Status Follow(client::Watcher& watcher, Event& stopped, int64_t last) {
    while (!stopped.IsSet()) {
      if (last > 0 && revision_ >= last) return absl::OkStatus();
      auto batch = watcher.Next(absl::Milliseconds(250));
      if (absl::IsDeadlineExceeded(batch.status())) {
        // After a silence, not at once: older etcds answer too early while they read the past.
        if (auto status = WriteState(/*now=*/false); !status.ok()) return status;
        watcher.RequestProgress();
        continue;
      }
      if (absl::IsCancelled(batch.status()) && stopped.IsSet()) break;
      if (!batch.ok()) return batch.status();
      if (auto status = Apply(*batch); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status End() { return WriteState(/*now=*/true); }

 private:
  absl::Status Apply(const client::WatchBatch& batch) {
    for (const client::WatchEvent& event : batch.events) {
      const std::string key = map_.Map(event.kv.key);
      const bool put = event.type == client::WatchEvent::Type::kPut;
      const absl::Status status = put ? putter_.Put(key, event.kv.value) : putter_.Delete(key);
      if (!status.ok()) return status;
    }
    if (auto status = putter_.Flush(); !status.ok()) return status;
    line_.Show(static_cast<uint64_t>(putter_.done()), 0);
    // A mark of progress speaks for its own revision, events for the last of theirs.
    const int64_t reached =
        batch.events.empty() ? batch.header.revision : batch.events.back().kv.mod_revision;
    return Reached(reached, /*now=*/false);
  }

  absl::Status Reached(int64_t revision, bool now) {
    if (revision > revision_) revision_ = revision;
    return WriteState(now);
  }

  absl::Status WriteState(bool now) {
    if (state_path_.empty() || written_ == revision_) return absl::OkStatus();
    if (!now && absl::Now() - written_at_ < kStateInterval) return absl::OkStatus();
    auto file = SaveFile::Create(state_path_);
    if (!file.ok()) return file.status();
    if (auto s = (*file)->Append(absl::StrCat(revision_, "\n")); !s.ok()) return s;
    written_ = revision_;
    written_at_ = absl::Now();
    return (*file)->Commit();
  }

  Invocation& invocation_;
  const KeyMap map_;
  const std::string state_path_;
  Putter putter_;
  ProgressLine line_;
  int64_t revision_ = 0;  // everything up to it is there
  int64_t written_ = 0;
  absl::Time written_at_ = absl::InfinitePast();
};

// A mirror within one cluster must not see its own writes.
absl::Status CheckNotItself(Invocation& invocation, const client::Client& destination,
                            const KeyMap& map, int64_t& now) {
  const auto key = client::KeyRange::Prefix(map.prefix);
  const auto here = invocation.client().kv().Get(key, {.count_only = true});
  if (!here.ok()) return here.status();
  const auto there = destination.kv().Get(key, {.count_only = true});
  if (!there.ok()) return there.status();
  now = here->header.revision;
  const bool same = here->header.cluster_id == there->header.cluster_id;
  if (!same || !absl::StartsWith(map.new_prefix, map.prefix)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "source and destination are the same cluster, and what is written there would be mirrored "
      "again: give --prefix and a --dest-prefix outside it");
}

absl::Status Run(Invocation& invocation, const client::Client& destination, const KeyMap& map,
                 Mirror& mirror) {
  int64_t now = 0;
  auto status = CheckNotItself(invocation, destination, map, now);
  if (status.ok()) status = mirror.Begin();
  if (status.ok()) status = mirror.CopyAll();
  if (!status.ok()) return status;
  Event stopped;
  const auto watcher =
      invocation.client().Watch(client::KeyRange::Prefix(map.prefix), mirror.revision() + 1);
  const Stop::Listener listener(invocation.stop(), [&] {
    stopped.Set();
    watcher->Cancel();
  });
  status = mirror.Follow(*watcher, stopped, invocation.flags().Bool("once") ? now : 0);
  const absl::Status ended = mirror.End();
  return status.ok() ? ended : status;
}

ExitCode RunMirror(Invocation& invocation) {
  const auto map = ReadKeyMap(invocation.flags());
  if (invocation.flags().Int("max-txn-ops") < 1) {
    return invocation.Misused("--max-txn-ops: give 1 or more");
  }
  if (!map.ok()) return invocation.Misused(std::string(map.status().message()));
  std::vector<std::string> members;
  for (const std::string& argument : invocation.arguments()) {
    const std::vector<std::string> some = absl::StrSplit(argument, ',', absl::SkipWhitespace());
    members.insert(members.end(), some.begin(), some.end());
  }
  const auto destination = ConnectTo(invocation, members);
  if (!destination.ok()) return invocation.Misused(std::string(destination.status().message()));
  absl::Status status;
  int64_t done = 0;
  int64_t revision = 0;
  {
    Mirror mirror(invocation, **destination, *map);
    status = Run(invocation, **destination, *map, mirror);
    done = mirror.done();
    revision = mirror.revision();
  }
  if (absl::IsInvalidArgument(status) && client::OutcomeOf(status) == client::Outcome::kUnknown) {
    return invocation.Misused(std::string(status.message()));
  }
  if (status.ok() || revision > 0) {
    invocation.writer().Show(
        {.plain = absl::StrCat("mirrored ", done, " changes up to revision ", revision, "\n"),
         .json = JsonObject().Int("changes", done).Int("revision", revision).Done()});
  }
  if (status.ok()) return kOk;
  if (absl::IsOutOfRange(status)) {
    invocation.err() << "The source has dropped the history after revision " << revision
                     << ". Without --rev and --state everything is copied again; keys that were "
                        "deleted meanwhile are to be deleted there by hand.\n";
  }
  return invocation.Report(client::WithOutcome(status, client::Outcome::kFailed));
}

}  // namespace

std::vector<Command> MirrorCommands() {
  std::vector<FlagSpec> flags = KeyMapFlags();
  flags.push_back({.name = "rev",
                   .kind = Kind::kInt,
                   .value_name = "N",
                   .help = "copy nothing, follow the changes from revision N on"});
  flags.push_back({.name = "max-txn-ops",
                   .kind = Kind::kInt,
                   .value_name = "N",
                   .help = "at most N changes in a transaction there",
                   .fallback = std::to_string(Putter::kMostOps)});
  flags.push_back({.name = "state",
                   .kind = Kind::kString,
                   .value_name = "FILE",
                   .help = "note there how far it is, and go on from there when run again"});
  flags.push_back({.name = "once",
                   .help = "end when what is there now has been mirrored",
                   .fallback = "false"});
  flags.push_back(RefusedFlag("dest-insecure-transport", kNoTls, "true"));
  for (const char* name : {"dest-cacert", "dest-cert", "dest-key"}) {
    flags.push_back(RefusedFlag(name, kNoTls));
  }
  for (const char* name : {"dest-user", "dest-password"}) {
    flags.push_back(RefusedFlag(name, kNoAuthentication));
  }
  return {{.name = "make-mirror",
           .arguments = "DESTINATION[,DESTINATION...]",
           .summary = "Copy keys into another cluster and keep them up to date",
           .details =
               R"(DESTINATION is HOST:PORT of members there. Runs until it is stopped; a change
appears there after those before it. Leases do not travel: what expires is deleted there by its
deletion here. With --state it can be killed and run again at any time: changes that are done
twice do no harm.
)",
           .examples = R"(  kvctl make-mirror 10.1.0.1:2379,10.1.0.2:2379 --state mirror.state
  kvctl make-mirror 10.1.0.1:2379 --prefix /config/ --dest-prefix /site-a/config/
  kvctl make-mirror 10.1.0.1:2379 --once
)",
           .flags = flags,
           .min_arguments = 1,
           .max_arguments = -1,
           .run = RunMirror}};
}

}  // namespace keelson::kvctl
