#include "bench/kvbench/options_table.h"

#include <string>

#include "bench/kvbench/text.h"

namespace keelson::kvbench {
namespace {

template <auto Member>
bool SetNumber(Options& options, std::string_view text) {
  auto& field = options.*Member;
  using Field = std::remove_reference_t<decltype(field)>;
  if constexpr (std::is_floating_point_v<Field>) {
    return ParseNumber(text, field) && field >= 0;
  } else {
    return ParseNumber(text, field) && field >= Field{0};
  }
}

template <auto Member>
bool SetKeyNumber(Options& options, std::string_view text) {
  return ParseNumber(text, options.keys.*Member);
}

template <auto Member>
bool SetSwitch(Options& options, std::string_view) {
  options.*Member = true;
  return true;
}

bool SetEndpoints(Options& options, std::string_view text) {
  auto parsed = ParseEndpoints(text);
  if (parsed.ok()) options.endpoints = *std::move(parsed);
  return parsed.ok();
}

bool SetTarget(Options& options, std::string_view text) {
  if (text == "all") options.target = Target::kAll;
  if (text == "leader") options.target = Target::kLeader;
  if (text == "followers") options.target = Target::kFollowers;
  return text == "all" || text == "leader" || text == "followers";
}

bool SetPrefix(Options& options, std::string_view text) {
  options.keys.prefix = std::string(text);
  return !text.empty();
}

bool SetSequential(Options& options, std::string_view) {
  options.keys.sequential = true;
  return true;
}

bool SetJson(Options& options, std::string_view text) {
  options.json_path = std::string(text);
  return !text.empty();
}

bool SetMix(Options& options, std::string_view text) {
  options.mix_text = std::string(text);
  return !text.empty();
}

constexpr std::string_view kWhere = "Where to";
constexpr std::string_view kShape = "How much at once";
constexpr std::string_view kLong = "How long";
constexpr std::string_view kData = "Keys and values";
constexpr std::string_view kReads = "Reads";
constexpr std::string_view kWatchGroup = "Watch";
constexpr std::string_view kOther = "Leases and compaction";
constexpr std::string_view kOut = "Output";

void AddTrafficOptions(std::vector<OptionSpec>& table) {
  const std::vector<OptionSpec> rows = {
      {kWhere, "endpoints", "HOST:PORT,...", "members' client addresses (127.0.0.1:2379)",
       SetEndpoints},
      {kWhere, "target", "all|leader|followers",
       "which of them get the load; asked by Maintenance.Status (all)", SetTarget},
      {kWhere, "wait", "SECONDS", "wait so long for the endpoints to answer and have a leader (0)",
       SetNumber<&Options::wait_seconds>},
      {kShape, "connections", "N", "TCP connections, spread over the targets (1)",
       SetNumber<&Options::connections>},
      {kShape, "streams", "N", "calls in flight per connection (1; 1000 with --rate)",
       SetNumber<&Options::streams>},
      {kShape, "threads", "N", "threads that share the connections (1)",
       SetNumber<&Options::threads>},
      {kShape, "rate", "OPS/S",
       "open loop: send at this rate; latency counts from the intended time (0: closed loop)",
       SetNumber<&Options::rate>},
      {kShape, "mix", "NAME=WEIGHT,...",
       "for mixed: put, get, get_serializable, range, txn, lease_grant", SetMix},
      {kLong, "duration", "SECONDS", "measured time (10)", SetNumber<&Options::duration_seconds>},
      {kLong, "warmup", "SECONDS", "time before it that is not measured (1)",
       SetNumber<&Options::warmup_seconds>},
      {kLong, "count", "N", "end after N operations instead; 0: by time",
       SetNumber<&Options::count>},
      {kLong, "timeout", "SECONDS", "give up on an operation after this (10)",
       SetNumber<&Options::timeout_seconds>},
  };
  table.insert(table.end(), rows.begin(), rows.end());
}

void AddDataOptions(std::vector<OptionSpec>& table) {
  const std::vector<OptionSpec> rows = {
      {kData, "keys", "N", "size of the key space (10000)", SetKeyNumber<&KeySpaceOptions::keys>},
      {kData, "prefix", "TEXT", "what every key begins with (bench/)", SetPrefix},
      {kData, "key-size", "BYTES", "size of a key (24)", SetKeyNumber<&KeySpaceOptions::key_size>},
      {kData, "value-size", "BYTES", "size of a value; values do not compress (256)",
       SetNumber<&Options::value_size>},
      {kData, "sequential", "", "walk the key space instead of choosing at random", SetSequential},
      {kData, "batch", "N", "keys per put, written as one transaction (1)",
       SetNumber<&Options::batch>},
      {kData, "preload", "N", "before the run put the first N keys (0)",
       SetNumber<&Options::preload>},
      {kData, "seed", "N", "same seed, same requests (1)", SetNumber<&Options::seed>},
      {kReads, "serializable", "", "read from the member asked, without a quorum",
       SetSwitch<&Options::serializable>},
      {kReads, "limit", "N", "keys per range; 0: all in one answer (100; scan: 10000)",
       SetNumber<&Options::limit>},
      {kReads, "whole", "", "ranges begin at the first key", SetSwitch<&Options::whole>},
      {kReads, "keys-only", "", "ranges without values", SetSwitch<&Options::keys_only>},
      {kReads, "count-only", "", "ranges that only count", SetSwitch<&Options::count_only>},
  };
  table.insert(table.end(), rows.begin(), rows.end());
}

void AddOtherOptions(std::vector<OptionSpec>& table) {
  const std::vector<OptionSpec> rows = {
      {kWatchGroup, "watch-streams", "N", "watch streams (1000)",
       SetNumber<&Options::watch_streams>},
      {kWatchGroup, "watchers", "N", "watchers on the prefix in each stream (1)",
       SetNumber<&Options::watchers>},
      {kWatchGroup, "watch-connections", "N", "connections that carry the streams (10)",
       SetNumber<&Options::watch_connections>},
      {kWatchGroup, "max-lag", "PUTS",
       "do not put while more than so many puts are undelivered (0: no bound)",
       SetNumber<&Options::max_lag>},
      {kWatchGroup, "own-keys", "",
       "each watcher has a key of its own, and each put goes to one of them (not to --keys)",
       SetSwitch<&Options::own_keys>},
      {kWatchGroup, "watched", "PERCENT",
       "with --own-keys: puts that go to a watched key; the others go to as many other keys (100)",
       SetNumber<&Options::watched>},
      {kWatchGroup, "watch-thread", "", "watchers have a thread of their own; not with --max-lag",
       SetSwitch<&Options::watch_thread>},
      {kWatchGroup, "stuck", "N",
       "further watchers of the prefix, on connections that read nothing",
       SetNumber<&Options::stuck>},
      {kOther, "lease-ttl", "SECONDS", "time to live of granted leases (60)",
       SetNumber<&Options::lease_ttl>},
      {kOther, "revision", "N", "where to compact; 0: now (0)", SetNumber<&Options::revision>},
      {kOther, "physical", "", "answer after the sweep", SetSwitch<&Options::physical>},
      {kOut, "timeline", "", "longest time without a success, and successes per 10 ms (JSON)",
       SetSwitch<&Options::timeline>},
      {kOut, "json", "FILE", "write JSON there; - prints it instead of the table", SetJson},
  };
  table.insert(table.end(), rows.begin(), rows.end());
}

}  // namespace

const std::vector<OptionSpec>& OptionTable() {
  static const auto* const kTable = [] {
    auto* table = new std::vector<OptionSpec>();
    AddTrafficOptions(*table);
    AddDataOptions(*table);
    AddOtherOptions(*table);
    return table;
  }();
  return *kTable;
}

std::string_view HelpExamples() {
  return R"(
Examples
  Saturate the leader with 1000 writes in flight on 10 connections:
    kvbench put --endpoints 127.0.0.1:2379,127.0.0.1:22379,127.0.0.1:32379 --target leader \
      --connections 10 --streams 100
  Latency at a fixed rate, free of coordinated omission:
    kvbench put --rate 2000 --connections 10 --duration 20
  How long a fail-over stops writes (kill the leader meanwhile):
    kvbench put --target followers --rate 500 --timeline --duration 8
  100,000 events/s to 1,000 streams:
    kvbench watch --watch-streams 1000 --rate 100
  10,000 watchers, each of a key, beside writers and one client that does not read:
    kvbench watch --own-keys --watch-streams 100 --watchers 100 --stuck 1 --streams 100
  As many events/s as the server delivers, with a bounded backlog:
    kvbench watch --watch-streams 1000 --streams 8 --max-lag 16

Exit status: 0 if there was a success and no error, 1 otherwise, 2 for a wrong command line.
)";
}

}  // namespace keelson::kvbench
