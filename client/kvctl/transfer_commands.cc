// export and import.
#include <fstream>
#include <istream>
#include <iterator>
#include <memory>
#include <ostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/kvctl/command.h"
#include "client/kvctl/json.h"
#include "client/kvctl/pages.h"
#include "client/kvctl/progress.h"
#include "client/kvctl/save_file.h"
#include "client/kvctl/transfer.h"

namespace keelson::kvctl {
namespace {

using Kind = FlagSpec::Kind;

// Where pairs go.
class Target {
 public:
  virtual ~Target() = default;
  virtual absl::Status Begin(const ExportHeader&) { return absl::OkStatus(); }
  virtual absl::Status Add(const client::KeyValue& pair) = 0;
  virtual absl::Status End() = 0;
};

// The text format, into a file or a stream.
class TextTarget : public Target {
 public:
  TextTarget(std::unique_ptr<SaveFile> file, std::ostream& out, bool document)
      : file_(std::move(file)), out_(out), document_(document) {}

  absl::Status Begin(const ExportHeader& header) override {
    return Write(ToJson(header, document_) + "\n");
  }
  absl::Status Add(const client::KeyValue& pair) override {
    const std::string comma = document_ && pairs_ > 0 ? ",\n" : "";
    ++pairs_;
    return Write(comma + PairToJson(pair) + (document_ ? "" : "\n"));
  }
  absl::Status End() override {
    if (document_) {
      if (auto status = Write("\n]}\n"); !status.ok()) return status;
    }
    if (file_ != nullptr) return file_->Commit();
    out_.flush();
    return out_.good() ? absl::OkStatus() : absl::FailedPreconditionError("can't write the output");
  }

 private:
  absl::Status Write(const std::string& text) {
    if (file_ != nullptr) return file_->Append(text);
    out_ << text;
    return absl::OkStatus();
  }

  const std::unique_ptr<SaveFile> file_;  // null: out_
  std::ostream& out_;
  const bool document_;
  int64_t pairs_ = 0;
};

// Another cluster, or this run's own.
class ClusterTarget : public Target {
 public:
  ClusterTarget(client::Kv kv, KeyMap map) : putter_(std::move(kv)), map_(std::move(map)) {}
  absl::Status Add(const client::KeyValue& pair) override {
    return putter_.Put(map_.Map(pair.key), pair.value);
  }
  absl::Status End() override { return putter_.Flush(); }
  int64_t done() const { return putter_.done(); }

 private:
  Putter putter_;
  const KeyMap map_;
};

// Counts what passes.
struct Tally {
  int64_t pairs = 0;
  int64_t leased = 0;
  int64_t revision = 0;
};

// All pairs of `client` with the prefix, at one revision.
absl::StatusOr<Tally> CopyAll(Invocation& invocation, const client::Client& client,
                              const std::string& prefix, Target& target) {
  Pages pages(client.kv(), client::KeyRange::Prefix(prefix),
              {.revision = invocation.flags().Int("rev")});
  ProgressLine line(invocation, ProgressLine::Unit::kKeys);
  Tally tally;
  for (bool first = true;; first = false) {
    const auto page = pages.Next();
    if (!page.ok()) return page.status();
    if (first) {
      const absl::Status begun =
          target.Begin({.revision = pages.revision(), .count = pages.count()});
      if (!begun.ok()) return begun;
    }
    if (page->empty()) break;
    for (const client::KeyValue& pair : *page) {
      if (auto status = target.Add(pair); !status.ok()) return status;
      ++tally.pairs;
      if (pair.lease != 0) ++tally.leased;
    }
    line.Show(static_cast<uint64_t>(tally.pairs), static_cast<uint64_t>(pages.count()));
  }
  tally.revision = pages.revision();
  const absl::Status ended = target.End();
  if (!ended.ok()) return ended;
  return tally;
}

// `what`: "exported" or "imported".
void Show(Invocation& invocation, const Tally& tally, const char* what) {
  const std::string count = std::to_string(tally.pairs);
  JsonObject json;
  json.Int(what, tally.pairs).Int("with_lease", tally.leased).SomeInt("revision", tally.revision);
  std::string plain = absl::StrCat(what, " ", count, tally.pairs == 1 ? " key" : " keys");
  if (tally.revision > 0) absl::StrAppend(&plain, " as of revision ", tally.revision);
  invocation.writer().Show({.plain = plain + "\n", .json = json.Done()});
}

void TellOfLeases(Invocation& invocation, const Tally& tally) {
  if (tally.leased == 0) return;
  invocation.err() << "kvctl: " << tally.leased
                   << (tally.leased == 1 ? " key has a lease; it is"
                                         : " keys have leases; they are")
                   << " stored without and will not expire\n";
}

// A failure on the way: nothing is wrong with what was stored before, and again does no harm.
ExitCode ReportTransfer(Invocation& invocation, const absl::Status& status) {
  if (absl::IsInvalidArgument(status) && client::OutcomeOf(status) == client::Outcome::kUnknown) {
    return invocation.Misused(std::string(status.message()));
  }
  const bool own = absl::IsFailedPrecondition(status);
  const ExitCode code =
      invocation.Report(own ? client::WithOutcome(status, client::Outcome::kFailed) : status);
  invocation.err() << "It may be run again: what is there already is put again.\n";
  return code;
}

ExitCode ExportToCluster(Invocation& invocation, const KeyMap& map) {
  const auto other = ConnectTo(invocation, invocation.flags().List("to"));
  if (!other.ok()) return invocation.Misused(std::string(other.status().message()));
  ClusterTarget target((*other)->kv(), map);
  const auto tally = CopyAll(invocation, invocation.client(), map.prefix, target);
  if (!tally.ok()) return ReportTransfer(invocation, tally.status());
  TellOfLeases(invocation, *tally);
  Show(invocation, *tally, "exported");
  return kOk;
}

ExitCode RunExport(Invocation& invocation) {
  const ParsedFlags& flags = invocation.flags();
  const auto map = ReadKeyMap(flags);
  if (!map.ok()) return invocation.Misused(std::string(map.status().message()));
  const bool to_cluster = flags.Given("to");
  if (to_cluster != flags.arguments().empty()) {
    return invocation.Misused("export: give a FILE (- for the output) or --to");
  }
  if (to_cluster) return ExportToCluster(invocation, *map);
  if (flags.Given("dest-prefix") || flags.Bool("no-dest-prefix")) {
    return invocation.Misused("export: a file has the keys as they are; import can rename them");
  }
  const std::string& name = flags.arguments()[0];
  std::unique_ptr<SaveFile> file;
  if (name != "-") {
    auto created = SaveFile::Create(name);
    if (!created.ok()) {
      return invocation.Report(client::WithOutcome(created.status(), client::Outcome::kFailed));
    }
    file = *std::move(created);
  }
  TextTarget target(std::move(file), invocation.out(), flags.String("format") == "document");
  const auto tally = CopyAll(invocation, invocation.client(), map->prefix, target);
  if (!tally.ok()) {
    const bool own = absl::IsFailedPrecondition(tally.status());
    return invocation.Report(own ? client::WithOutcome(tally.status(), client::Outcome::kFailed)
                                 : tally.status());
  }
  if (name != "-") Show(invocation, *tally, "exported");
  return kOk;
}

// Everything is checked before anything is stored, so a bad file changes nothing.
ExitCode ImportText(Invocation& invocation, const std::string& text, const KeyMap& map) {
  Tally tally;
  int64_t total = 0;
  const absl::Status checked = ReadExport(text, [&](const client::KeyValue& pair) {
    if (absl::StartsWith(pair.key, map.prefix)) ++total;
    return absl::OkStatus();
  });
  if (!checked.ok()) return invocation.Misused(std::string(checked.message()));
  ClusterTarget target(invocation.client().kv(), map);
  absl::Status status;
  {
    ProgressLine line(invocation, ProgressLine::Unit::kKeys);
    status = ReadExport(text, [&](const client::KeyValue& pair) {
      if (!absl::StartsWith(pair.key, map.prefix)) return absl::OkStatus();
      ++tally.pairs;
      if (pair.lease != 0) ++tally.leased;
      line.Show(static_cast<uint64_t>(target.done()), static_cast<uint64_t>(total));
      return target.Add(pair);
    });
    if (status.ok()) status = target.End();
    line.Show(static_cast<uint64_t>(target.done()), static_cast<uint64_t>(total));
  }
  if (!status.ok()) return ReportTransfer(invocation, status);
  TellOfLeases(invocation, tally);
  Show(invocation, tally, "imported");
  return kOk;
}

ExitCode RunImport(Invocation& invocation) {
  const ParsedFlags& flags = invocation.flags();
  const auto map = ReadKeyMap(flags);
  if (!map.ok()) return invocation.Misused(std::string(map.status().message()));
  const bool from_cluster = flags.Given("from");
  if (from_cluster != flags.arguments().empty()) {
    return invocation.Misused("import: give a FILE (- for the input) or --from");
  }
  if (from_cluster) {
    const auto other = ConnectTo(invocation, flags.List("from"));
    if (!other.ok()) return invocation.Misused(std::string(other.status().message()));
    ClusterTarget target(invocation.client().kv(), *map);
    const auto tally = CopyAll(invocation, **other, map->prefix, target);
    if (!tally.ok()) return ReportTransfer(invocation, tally.status());
    TellOfLeases(invocation, *tally);
    Show(invocation, *tally, "imported");
    return kOk;
  }
  const std::string& name = flags.arguments()[0];
  if (name == "-") {
    return ImportText(invocation, std::string(std::istreambuf_iterator<char>(invocation.in()), {}),
                      *map);
  }
  std::ifstream file(name, std::ios::binary);
  if (!file.is_open()) return invocation.Misused(name + " can't be read");
  return ImportText(invocation, std::string(std::istreambuf_iterator<char>(file), {}), *map);
}

FlagSpec RevisionFlag() {
  return {.name = "rev",
          .kind = Kind::kInt,
          .value_name = "N",
          .help = "as it was at revision N (of a cluster)"};
}

}  // namespace

std::vector<Command> TransferCommands() {
  std::vector<FlagSpec> export_flags = KeyMapFlags();
  export_flags.push_back(RevisionFlag());
  export_flags.push_back({.name = "format",
                          .kind = Kind::kString,
                          .value_name = "FORMAT",
                          .help = "lines (a JSON value a line) or document (one JSON value)",
                          .fallback = "lines",
                          .choices = {"lines", "document"}});
  export_flags.push_back({.name = "to",
                          .kind = Kind::kList,
                          .value_name = "HOST:PORT,...",
                          .help = "into this cluster, not into a file"});
  std::vector<FlagSpec> import_flags = KeyMapFlags();
  import_flags.push_back(RevisionFlag());
  import_flags.push_back({.name = "from",
                          .kind = Kind::kList,
                          .value_name = "HOST:PORT,...",
                          .help = "out of this cluster, not out of a file"});
  return {{.name = "export",
           .arguments = "[FILE]",
           .summary = "Write keys and values into a JSON file, or into another cluster",
           .details =
               R"(All is read at one revision, in pages. FILE (- for the output) appears once it is
whole. Keys and values are in base64. Leases do not travel: a key that had one is put without it,
and stderr says so. Works from and to any cluster that speaks etcd's API.
)",
           .examples = R"(  kvctl export all.jsonl
  kvctl export - --prefix /config/ --format document > config.json
  kvctl --endpoints etcd1:2379 export --to keelson1:2379
)",
           .flags = export_flags,
           .max_arguments = 1,
           .run = RunExport},
          {.name = "import",
           .arguments = "[FILE]",
           .summary = "Store what export wrote, or what another cluster has",
           .details =
               R"(FILE (- for the input) is checked before anything is stored. `get -o json` writes
such a file, too. Keys that exist are put again, others stay. Run again after a failure it goes
on.
)",
           .examples = R"(  kvctl import all.jsonl
  kvctl import config.json --prefix /config/ --dest-prefix /old/config/
  kvctl import --from etcd1:2379,etcd2:2379
)",
           .flags = import_flags,
           .max_arguments = 1,
           .run = RunImport}};
}

}  // namespace keelson::kvctl
