// history.
#include <algorithm>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/kvctl/command.h"
#include "client/kvctl/json.h"
#include "client/kvctl/text.h"

namespace keelson::kvctl {
namespace {

struct History {
  std::vector<client::WatchEvent> events = {};  // oldest first
  int64_t begins = 1;                           // the first revision that is known of
};

// When a watch that is silent is asked whether it has delivered everything. Not at once: older
// etcds answer too early, while they still read the past, which they go about every 100 ms.
constexpr absl::Duration kSilence = absl::Milliseconds(250);

// What the watch says next; progress is asked for, and told of, until `deadline`.
absl::StatusOr<client::WatchBatch> NextOf(client::Watcher& watcher, absl::Time deadline) {
  while (true) {
    auto batch = watcher.Next(kSilence);
    if (!absl::IsDeadlineExceeded(batch.status()) || absl::Now() > deadline) return batch;
    watcher.RequestProgress();
  }
}

// Collects the events from the watch's start on: up to the key's present pair, or where it has none
// up to the revision at which it had none.
absl::Status Collect(const client::GetResult& now, absl::Duration timeout, client::Watcher& watcher,
                     History& history) {
  const absl::Time deadline = absl::Now() + timeout;
  const int64_t last = now.kvs.empty() ? now.header.revision : now.kvs[0].mod_revision;
  const auto ready = watcher.WaitReady(timeout);
  if (!ready.ok()) return ready.status();
  while (true) {
    auto batch = NextOf(watcher, deadline);
    if (!batch.ok()) return batch.status();
    if (batch->is_progress() && batch->header.revision >= last) return absl::OkStatus();
    for (client::WatchEvent& event : batch->events) {
      if (event.kv.mod_revision > last) return absl::OkStatus();
      history.events.push_back(std::move(event));
    }
    const bool ends = !now.kvs.empty() && !history.events.empty() &&
                      history.events.back().kv.mod_revision >= last;
    if (ends) return absl::OkStatus();
  }
}

// The pair that a compacted history begins with is no event any more.
absl::Status AddFirst(const client::Kv& kv, const std::string& key, History& history) {
  if (history.begins <= 1) return absl::OkStatus();
  const auto first = kv.Get(client::KeyRange::Key(key), {.revision = history.begins});
  if (!first.ok()) return first.status();
  const bool known = !history.events.empty() && !first->kvs.empty() &&
                     history.events[0].kv.mod_revision <= first->kvs[0].mod_revision;
  if (!first->kvs.empty() && !known) {
    history.events.insert(history.events.begin(), {.kv = first->kvs[0]});
  }
  return absl::OkStatus();
}

absl::StatusOr<History> ReadHistory(Invocation& invocation, const std::string& key) {
  const client::Kv kv = invocation.client().kv();
  const auto range = client::KeyRange::Key(key);
  const auto now = kv.Get(range);
  if (!now.ok()) return now.status();
  // Where the beginning is, only the refusal of an earlier one says; it may move on meanwhile.
  History history;
  while (true) {
    history.events.clear();
    const auto watcher = invocation.client().Watch(range, history.begins);
    const absl::Status status =
        Collect(*now, invocation.flags().Duration("command-timeout"), *watcher, history);
    const int64_t compacted = watcher->compact_revision();
    if (absl::IsOutOfRange(status) && compacted >= history.begins) {
      history.begins = std::max(compacted, history.begins + 1);
      continue;
    }
    if (!status.ok()) return client::WithOutcome(status, client::Outcome::kFailed);
    if (auto first = AddFirst(kv, key, history); !first.ok()) return first;
    return history;
  }
}

Answer ToAnswer(const History& history, const std::string& key, bool hex) {
  const auto shown = [hex](const std::string& bytes) {
    return hex ? HexBytes(bytes) : Escaped(bytes);
  };
  Answer answer{.columns = {"REVISION", "CHANGE", "VERSION", "LEASE", "VALUE"}};
  JsonArray array;
  for (auto event = history.events.rbegin(); event != history.events.rend(); ++event) {
    const bool put = event->type == client::WatchEvent::Type::kPut;
    const client::KeyValue& pair = event->kv;
    absl::StrAppend(&answer.plain, pair.mod_revision, put ? " PUT " : " DELETE",
                    put ? shown(pair.value) : "", "\n");
    answer.rows.push_back({std::to_string(pair.mod_revision), put ? "put" : "delete",
                           put ? std::to_string(pair.version) : "",
                           pair.lease == 0 ? "" : LeaseText(pair.lease),
                           put ? shown(pair.value) : ""});
    JsonObject object;
    object.Int("mod_revision", pair.mod_revision).Text("type", put ? "PUT" : "DELETE");
    if (put) object.Int("version", pair.version).Raw("value", JsonBase64(pair.value));
    array.Raw(object.SomeInt("lease", pair.lease).Done());
  }
  answer.json = JsonObject()
                    .Raw("key", JsonBase64(key))
                    .Int("begins_at_revision", history.begins)
                    .Raw("versions", array.Done())
                    .Done();
  return answer;
}

ExitCode RunHistory(Invocation& invocation) {
  const std::string& key = invocation.arguments()[0];
  const int64_t limit = invocation.flags().Int("limit");
  if (limit < 0) return invocation.Misused("--limit must not be negative");
  auto history = ReadHistory(invocation, key);
  if (!history.ok()) return invocation.Report(history.status());
  const auto size = static_cast<int64_t>(history->events.size());
  if (limit > 0 && size > limit) {
    history->events.erase(history->events.begin(), history->events.end() - limit);
  } else if (history->begins > 1) {
    invocation.err() << "kvctl: what was before revision " << history->begins
                     << " has been compacted away\n";
  }
  invocation.writer().Show(ToAnswer(*history, key, invocation.flags().Bool("hex")));
  return history->events.empty() ? kNotFound : kOk;
}

}  // namespace

std::vector<Command> HistoryCommands() {
  return {
      {.name = "history",
       .arguments = "KEY",
       .summary = "Show the versions of a key, the newest first",
       .details =
           R"(As far as history goes: a compaction drops what was before it, and stderr says so. Exits with 3 if
nothing is known of the key.
)",
       .examples = R"(  kvctl history greeting
  kvctl history greeting --limit 3 -o json
)",
       .flags = {{.name = "limit",
                  .kind = FlagSpec::Kind::kInt,
                  .value_name = "N",
                  .help = "the newest N only"}},
       .min_arguments = 1,
       .max_arguments = 1,
       .default_output = OutputFormat::kTable,
       .run = RunHistory}};
}

}  // namespace keelson::kvctl
