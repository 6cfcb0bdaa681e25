// The command line.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/kvbench/channel.h"
#include "bench/kvbench/keyspace.h"
#include "bench/kvbench/stats.h"

namespace keelson::kvbench {

enum class Command {
  kHelp,
  kLoad,  // a mix of unary operations, see Options::mix
  kWatch,
  kKeepAlive,
  kScan,
  kStatus,
  kCompact,
  kProbe,
};

enum class Target { kAll, kLeader, kFollowers };

struct Options {
  Command command = Command::kHelp;
  std::string name;      // of the command, as typed
  std::string mix_text;  // --mix as given
  std::vector<std::pair<OpKind, uint32_t>> mix;

  std::vector<Endpoint> endpoints = {{"127.0.0.1", 2379}};
  Target target = Target::kAll;
  double wait_seconds = 0;

  uint64_t connections = 1;
  uint64_t streams = 0;  // 0: 1 in a closed loop, 1000 in an open loop
  uint64_t threads = 1;
  double rate = 0;  // operations per second; 0: closed loop
  double duration_seconds = 10;
  double warmup_seconds = 1;
  uint64_t count = 0;  // 0: by duration
  double timeout_seconds = 10;
  uint64_t seed = 1;

  KeySpaceOptions keys;
  size_t value_size = 256;
  bool stamped = false;  // values begin with the time of sending (set by the watch load)
  uint64_t batch = 1;
  uint64_t preload = 0;

  bool serializable = false;
  int64_t limit = 100;
  bool keys_only = false;
  bool count_only = false;
  bool whole = false;

  uint64_t watch_streams = 1000;
  uint64_t watchers = 1;
  uint64_t watch_connections = 10;
  uint64_t max_lag = 0;
  bool own_keys = false;
  uint64_t watched = 100;  // percent of the puts that go to watched keys, with own_keys
  bool watch_thread = false;
  uint64_t stuck = 0;

  int64_t lease_ttl = 60;
  int64_t revision = 0;
  bool physical = false;

  bool timeline = false;
  std::string json_path;  // "-": standard output, instead of the table
};

absl::StatusOr<Options> ParseOptions(const std::vector<std::string>& args);

// The text of --help.
std::string HelpText();

}  // namespace keelson::kvbench
