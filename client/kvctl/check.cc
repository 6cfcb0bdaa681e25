#include "client/kvctl/check.h"

#include <algorithm>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "client/kvctl/load.h"

namespace keelson::kvctl {

using Kind = FlagSpec::Kind;

FlagSpec LoadFlag(const std::string& fallback) {
  return {.name = "load",
          .kind = Kind::kString,
          .value_name = "SIZE",
          .help = "s, m, l or xl",
          .fallback = fallback,
          .choices = {"s", "m", "l", "xl"}};
}

FlagSpec CheckPrefixFlag(const std::string& fallback) {
  return {.name = "prefix",
          .kind = Kind::kString,
          .value_name = "TEXT",
          .help = "where to put the keys; must be free",
          .fallback = fallback};
}

FlagSpec AutoCompactFlag() {
  return {.name = "auto-compact",
          .help = "compact the history of the load afterwards",
          .fallback = "false"};
}

FlagSpec AutoDefragFlag() {
  return {.name = "auto-defrag",
          .help = "defragment the members of --endpoints afterwards",
          .fallback = "false"};
}

absl::Status Defragment(const Invocation& invocation) {
  for (const std::string& endpoint : invocation.endpoints()) {
    const absl::Status status = invocation.client().maintenance().Defragment(endpoint);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

ExitCode ToldOfStop(const Invocation& invocation) {
  invocation.err() << "kvctl: stopped before its time; that judges nothing\n";
  return kFailed;
}

std::optional<ExitCode> RefuseUsedPrefix(const Invocation& invocation, const std::string& prefix) {
  const auto present =
      invocation.client().kv().Get(client::KeyRange::Prefix(prefix), {.count_only = true});
  if (!present.ok()) return invocation.Report(present.status());
  if (present->count == 0) return std::nullopt;
  invocation.err() << "kvctl: there are " << present->count << " keys below " << prefix
                   << "; they would be deleted. Delete them, or give another --prefix.\n";
  return kFailed;
}

absl::Status CleanUp(const Invocation& invocation, const std::string& prefix, int64_t puts) {
  // Not all at once, so that others' writes get between.
  constexpr int64_t kAtATime = 10'000;
  const client::Kv kv = invocation.client().kv();
  for (int64_t begin = 0; begin + kAtATime < puts; begin += kAtATime) {
    const auto some = kv.Delete(
        client::KeyRange::Between(LoadKey(prefix, begin), LoadKey(prefix, begin + kAtATime)));
    if (!some.ok()) return some.status();
  }
  const auto rest = kv.Delete(client::KeyRange::Prefix(prefix));
  if (!rest.ok()) return rest.status();
  if (!invocation.flags().Bool("auto-compact")) return absl::OkStatus();
  return kv.Compact(rest->header.revision).status();
}

ExitCode ShowVerdicts(const Invocation& invocation, const std::vector<Verdict>& verdicts,
                      const std::string& note, const JsonObject& figures) {
  Answer answer{.columns = {"RESULT", "WHAT"}};
  JsonArray checks;
  for (const Verdict& verdict : verdicts) {
    const char* word = verdict.passed ? "PASS" : "FAIL";
    absl::StrAppend(&answer.plain, word, ": ", verdict.text, "\n");
    answer.rows.push_back({word, verdict.text});
    checks.Raw(JsonObject().Bool("passed", verdict.passed).Text("text", verdict.text).Done());
  }
  const bool passed = std::all_of(verdicts.begin(), verdicts.end(),
                                  [](const Verdict& verdict) { return verdict.passed; });
  if (!note.empty()) {
    absl::StrAppend(&answer.plain, note, "\n");
    answer.rows.push_back({"", note});
  }
  absl::StrAppend(&answer.plain, passed ? "PASS\n" : "FAIL\n");
  answer.rows.push_back({passed ? "PASS" : "FAIL", "in all"});
  answer.json =
      JsonObject().Bool("passed", passed).Raw("checks", checks.Done()).Members(figures).Done();
  invocation.writer().Show(answer);
  return passed ? kOk : kFailed;
}

}  // namespace keelson::kvctl
