// diff.
#include <optional>
#include <ostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/kvctl/command.h"
#include "client/kvctl/json.h"
#include "client/kvctl/kv_arguments.h"
#include "client/kvctl/pages.h"
#include "client/kvctl/text.h"

namespace keelson::kvctl {
namespace {

// A key that differs between two revisions; null where it was not there.
struct Change {
  std::optional<client::KeyValue> from;
  std::optional<client::KeyValue> to;

  const std::string& key() const { return from ? from->key : to->key; }
  const char* type() const {
    if (!from) return "created";
    return to ? "changed" : "deleted";
  }
  const char* sign() const {
    if (!from) return "+";
    return to ? "~" : "-";
  }
};

struct Revisions {
  int64_t from = 0;
  int64_t to = 0;  // 0: the present
};

absl::StatusOr<Revisions> ReadRevisions(const ParsedFlags& flags) {
  std::vector<int64_t> numbers;
  for (const std::string& text : flags.List("rev")) {
    int64_t number = 0;
    if (!absl::SimpleAtoi(text, &number) || number < 1) {
      return absl::InvalidArgumentError("--rev=" + text + ": give a revision");
    }
    numbers.push_back(number);
  }
  if (numbers.empty() || numbers.size() > 2) {
    return absl::InvalidArgumentError("give --rev once (from there to now) or twice");
  }
  return Revisions{.from = numbers[0], .to = numbers.size() == 2 ? numbers[1] : 0};
}

// The keys that differ. A pair is the same if its last change is: no value is read.
absl::StatusOr<std::vector<Change>> Compare(const client::Kv& kv, const client::KeyRange& range,
                                            const Revisions& revisions) {
  PairReader before(kv, range, {.revision = revisions.from, .keys_only = true});
  PairReader after(kv, range, {.revision = revisions.to, .keys_only = true});
  if (auto status = before.Advance(); !status.ok()) return status;
  if (auto status = after.Advance(); !status.ok()) return status;
  std::vector<Change> changes;
  while (before.current() != nullptr || after.current() != nullptr) {
    const client::KeyValue* old_pair = before.current();
    const client::KeyValue* new_pair = after.current();
    const bool has_old =
        old_pair != nullptr && (new_pair == nullptr || old_pair->key <= new_pair->key);
    const bool has_new =
        new_pair != nullptr && (old_pair == nullptr || new_pair->key <= old_pair->key);
    Change change;
    if (has_old) change.from = *old_pair;
    if (has_new) change.to = *new_pair;
    const bool same = has_old && has_new && old_pair->mod_revision == new_pair->mod_revision;
    if (!same) changes.push_back(std::move(change));
    if (has_old) {
      if (auto status = before.Advance(); !status.ok()) return status;
    }
    if (has_new) {
      if (auto status = after.Advance(); !status.ok()) return status;
    }
  }
  return changes;
}

// Reads the value that `pair` had at its own revision.
absl::Status ReadValue(const client::Kv& kv, int64_t revision,
                       std::optional<client::KeyValue>& pair) {
  if (!pair) return absl::OkStatus();
  const auto got = kv.Get(client::KeyRange::Key(pair->key), {.revision = revision});
  if (!got.ok()) return got.status();
  if (!got->kvs.empty()) pair->value = got->kvs[0].value;
  return absl::OkStatus();
}

std::string ToJson(const client::KeyValue& pair, bool values) {
  JsonObject object;
  object.Int("mod_revision", pair.mod_revision).Int("version", pair.version);
  if (values) object.Raw("value", JsonBase64(pair.value));
  return object.Done();
}

Answer ToAnswer(const std::vector<Change>& changes, const Revisions& revisions, bool values,
                bool hex) {
  const auto shown = [hex](const std::string& bytes) {
    return hex ? HexBytes(bytes) : Escaped(bytes);
  };
  Answer answer{.columns = {"CHANGE", "KEY", "OLD REVISION", "NEW REVISION"}};
  if (values) answer.columns.insert(answer.columns.end(), {"OLD VALUE", "NEW VALUE"});
  JsonArray array;
  for (const Change& change : changes) {
    absl::StrAppend(&answer.plain, change.sign(), " ", shown(change.key()), "\n");
    JsonObject object;
    object.Text("type", change.type()).Raw("key", JsonBase64(change.key()));
    if (change.from) object.Raw("from", ToJson(*change.from, values));
    if (change.to) object.Raw("to", ToJson(*change.to, values));
    array.Raw(object.Done());
    const auto revision = [](const std::optional<client::KeyValue>& pair) {
      return pair ? std::to_string(pair->mod_revision) : "";
    };
    std::vector<std::string> row = {change.type(), shown(change.key()), revision(change.from),
                                    revision(change.to)};
    if (values) {
      if (change.from) absl::StrAppend(&answer.plain, "  < ", shown(change.from->value), "\n");
      if (change.to) absl::StrAppend(&answer.plain, "  > ", shown(change.to->value), "\n");
      row.push_back(change.from ? shown(change.from->value) : "");
      row.push_back(change.to ? shown(change.to->value) : "");
    }
    answer.rows.push_back(std::move(row));
  }
  answer.json = JsonObject()
                    .Int("from_revision", revisions.from)
                    .Int("to_revision", revisions.to)
                    .Raw("changes", array.Done())
                    .Done();
  return answer;
}

ExitCode RunDiff(Invocation& invocation) {
  const ParsedFlags& flags = invocation.flags();
  auto revisions = ReadRevisions(flags);
  if (!revisions.ok()) return invocation.Misused(std::string(revisions.status().message()));
  const bool all = flags.arguments().empty();
  const auto range = ReadRange(all ? std::vector<std::string>{""} : flags.arguments(),
                               all || flags.Bool("prefix"), /*from_key=*/false);
  if (!range.ok()) return invocation.Misused(std::string(range.status().message()));
  const client::Kv kv = invocation.client().kv();
  if (revisions->to == 0) {
    const auto now = kv.Get(*range, {.count_only = true});
    if (!now.ok()) return invocation.Report(now.status());
    revisions->to = now->header.revision;
  }
  auto changes = Compare(kv, *range, *revisions);
  if (!changes.ok()) return invocation.Report(changes.status());
  const bool values = flags.Bool("values");
  for (Change& change : *changes) {
    if (!values) break;
    auto status = ReadValue(kv, revisions->from, change.from);
    if (status.ok()) status = ReadValue(kv, revisions->to, change.to);
    if (!status.ok()) return invocation.Report(status);
  }
  invocation.writer().Show(ToAnswer(*changes, *revisions, values, flags.Bool("hex")));
  return kOk;
}

}  // namespace

std::vector<Command> DiffCommands() {
  return {
      {.name = "diff",
       .arguments = "[KEY [RANGE_END]]",
       .summary = "Show what changed between two revisions",
       .details =
           R"(Prints + for a key that is new, - for one that is gone, ~ for one that was put again. What was
put and deleted in between does not show: `kvctl history` tells of one key, `kvctl watch --rev` of
all. The first revision must not be compacted away.
)",
       .examples = R"(  kvctl diff --rev 100 --rev 120              all keys
  kvctl diff --rev 100 /config/ --prefix --values
)",
       .flags = {{.name = "rev",
                  .kind = FlagSpec::Kind::kList,
                  .value_name = "N",
                  .help = "the older revision; again: the newer one (now without)"},
                 {.name = "prefix",
                  .help = "every key that begins with KEY (all keys for \"\")",
                  .fallback = "false"},
                 {.name = "values", .help = "print the values, too", .fallback = "false"}},
       .max_arguments = 2,
       .run = RunDiff}};
}

}  // namespace keelson::kvctl
