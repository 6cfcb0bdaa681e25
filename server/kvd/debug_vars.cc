#include "server/kvd/debug_vars.h"

#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/api/json_codec.h"
#include "server/kvd/process_stats.h"
#include "server/log/logger.h"
#include "server/node/node.h"

namespace keelson::server {
namespace {

std::string_view StateOf(const NodeStatus& status) {
  if (status.is_leader) return "StateLeader";
  return status.leader.IsNone() ? "StateCandidate" : "StateFollower";
}

}  // namespace

std::string DebugVarsText(const Node& node) {
  const NodeStatus status = node.status();
  const ProcessStats process = ReadProcessStats();
  const std::string arguments =
      absl::StrJoin(ReadCommandLine(), ",", [](std::string* text, const std::string& argument) {
        absl::StrAppend(text, JsonQuote(argument));
      });
  return absl::StrCat(
      "{\"cmdline\":[", arguments, "],\"file_descriptor_limit\":", process.max_fds,
      ",\"memstats\":{\"Sys\":", process.virtual_bytes, ",\"HeapSys\":", process.resident_bytes,
      "},\"raft.status\":{\"id\":", JsonQuote(Hex(status.member.value())),
      ",\"term\":", status.term.value(), ",\"commit\":", status.commit.value(),
      ",\"applied\":", status.applied.value(), ",\"lead\":", JsonQuote(Hex(status.leader.value())),
      ",\"raftState\":", JsonQuote(StateOf(status)), "}}\n");
}

}  // namespace keelson::server
