// check datascale.
#include <map>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/kvctl/check.h"
#include "client/kvctl/load.h"
#include "client/kvctl/progress.h"
#include "client/kvctl/survey.h"
#include "client/kvctl/text.h"

namespace keelson::kvctl {
namespace {

// etcdctl's loads: keys and clients.
struct Size {
  const char* name;
  int64_t keys;
  int clients;
};
constexpr Size kSizes[] = {
    {"s", 10'000, 50}, {"m", 100'000, 200}, {"l", 1'000'000, 500}, {"xl", 3'000'000, 1000}};

// The resident memory of each member that tells it, by name.
using Memory = std::map<std::string, int64_t>;

Memory AskMemory(const Invocation& invocation) {
  Memory memory;
  for (const MemberFacts& facts : Survey(invocation, {})) {
    if (!facts.metrics) continue;
    const auto bytes = facts.metrics->Sum("process_resident_memory_bytes");
    if (bytes) memory[facts.name()] = static_cast<int64_t>(*bytes);
  }
  return memory;
}

Verdict JudgeWrites(const LoadResult& result, const LoadPlan& plan) {
  const auto written = static_cast<int64_t>(result.latencies.size());
  if (written == plan.puts) {
    return {true,
            absl::StrFormat("%d keys of 1 KiB written, %.0f a second", written, result.Rate())};
  }
  return {false,
          absl::StrCat(written, " keys of ", plan.puts, " written: ",
                       result.failed > 0 ? result.first_failure.message() : "stopped before")};
}

struct Growth {
  int64_t most = 0;
  std::string text;  // of all members
  JsonArray members;
};

Growth Compare(const Memory& before, const Memory& after) {
  Growth growth;
  for (const auto& [name, bytes] : after) {
    const auto old = before.find(name);
    if (old == before.end()) continue;
    const int64_t grown = bytes - old->second;
    growth.most = std::max(growth.most, grown);
    absl::StrAppend(&growth.text, growth.text.empty() ? "" : ", ", name, " ",
                    HumanBytes(old->second), " to ", HumanBytes(bytes));
    growth.members.Raw(JsonObject()
                           .Text("name", name)
                           .Int("memory_before", old->second)
                           .Int("memory_after", bytes)
                           .Done());
  }
  return growth;
}

ExitCode Judge(const Invocation& invocation, const LoadPlan& plan, const LoadResult& result,
               const Memory& before, const Memory& after) {
  const Growth growth = Compare(before, after);
  std::vector<Verdict> verdicts = {JudgeWrites(result, plan)};
  if (growth.members.empty()) {
    verdicts.push_back({false, "No member tells its memory by /metrics on its client port"});
  } else {
    // The number and its unit as etcdctl says it.
    verdicts.push_back({true, absl::StrFormat("Approximate system memory used : %.2f MB.",
                                              static_cast<double>(growth.most) / (1 << 20))});
  }
  return ShowVerdicts(invocation, verdicts,
                      growth.text.empty() ? "" : absl::StrCat("Memory: ", growth.text),
                      JsonObject()
                          .Int("keys", static_cast<int64_t>(result.latencies.size()))
                          .Int("failed", result.failed)
                          .Int("writes_per_second", static_cast<int64_t>(result.Rate()))
                          .Int("memory_used", growth.most)
                          .Raw("members", growth.members.Done()));
}

ExitCode RunDatascale(Invocation& invocation) {
  const ParsedFlags& flags = invocation.flags();
  LoadPlan plan{.prefix = flags.String("prefix")};
  if (plan.prefix.empty()) return invocation.Misused("check datascale: --prefix must not be empty");
  for (const Size& size : kSizes) {
    if (flags.String("load") != size.name) continue;
    plan.clients = size.clients;
    plan.puts = size.keys;
  }
  if (const auto refused = RefuseUsedPrefix(invocation, plan.prefix)) return *refused;
  const Memory before = AskMemory(invocation);
  LoadResult result;
  Event stopped;
  {
    const Stop::Listener listener(invocation.stop(), [&stopped] { stopped.Set(); });
    ProgressLine line(invocation, ProgressLine::Unit::kKeys);
    result = RunLoad(invocation.client().kv(), plan, stopped, [&](const LoadProgress& progress) {
      line.Show(static_cast<uint64_t>(progress.done), static_cast<uint64_t>(plan.puts));
    });
  }
  const Memory after = AskMemory(invocation);
  absl::Status cleaned = CleanUp(invocation, plan.prefix, plan.puts);
  if (cleaned.ok() && flags.Bool("auto-defrag")) cleaned = Defragment(invocation);
  const ExitCode code =
      stopped.IsSet() ? ToldOfStop(invocation) : Judge(invocation, plan, result, before, after);
  return cleaned.ok() ? code : invocation.Report(cleaned);
}

}  // namespace

Command DatascaleCommand() {
  return {
      .name = "check datascale",
      .arguments = "",
      .summary = "Store many keys and tell how much memory they take",
      .details =
          R"(Puts keys with 1 KiB values as fast as they are taken, asks each member for its memory
before and after, and deletes the keys. s, m, l and xl are 10,000, 100,000, 1,000,000 and
3,000,000 keys by 50, 200, 500 and 1,000 clients, so the largest need a quota of several
gigabytes. PASS is that all were stored; the first failure ends the load. Exits with 1 for FAIL.
What is told is the growth of the member that grew most; others' load counts, too.
)",
      .examples = R"(  kvctl check datascale
  kvctl check datascale --load m --auto-compact --auto-defrag
)",
      .flags = {LoadFlag("s"), CheckPrefixFlag("/kvctl-check-datascale/"), AutoCompactFlag(),
                AutoDefragFlag()},
      .run = RunDatascale};
}

}  // namespace keelson::kvctl
