#include "bench/kvbench/options.h"

#include "absl/strings/str_format.h"
#include "bench/kvbench/options_table.h"
#include "bench/kvbench/text.h"

namespace keelson::kvbench {
namespace {

struct CommandSpec {
  std::string_view name;
  Command command;
  std::vector<std::pair<OpKind, uint32_t>> mix;
  std::string_view help;
};

const std::vector<CommandSpec>& Commands() {
  static const auto* const kCommands = new std::vector<CommandSpec>{
      {"put",
       Command::kLoad,
       {{OpKind::kPut, 1}},
       "write keys (--batch N: N keys per transaction)"},
      {"get",
       Command::kLoad,
       {{OpKind::kGet, 1}},
       "read single keys; linearizable unless --serializable"},
      {"range",
       Command::kLoad,
       {{OpKind::kRange, 1}},
       "read ranges of --limit keys from a random key (--whole: from the first)"},
      {"txn",
       Command::kLoad,
       {{OpKind::kTxn, 1}},
       "compare a key's mod_revision with the last one seen, then put; else read it"},
      {"mixed", Command::kLoad, {}, "a weighted mix of the above, given by --mix"},
      {"lease-grant", Command::kLoad, {{OpKind::kLeaseGrant, 1}}, "grant leases of --lease-ttl"},
      {"keepalive", Command::kKeepAlive, {}, "grant one lease per stream, then renew it in a loop"},
      {"watch", Command::kWatch, {}, "puts fanned out to watchers: events/s and delivery latency"},
      {"scan", Command::kScan, {}, "read every key once, in pages of --limit"},
      {"status", Command::kStatus, {}, "ask every endpoint for its status; exit 0 if all agree"},
      {"compact", Command::kCompact, {}, "compact at --revision (0: the current one)"},
      {"probe",
       Command::kProbe,
       {},
       "read one key serializably, again and again, until it is answered"},
  };
  return *kCommands;
}

absl::StatusOr<std::vector<std::pair<OpKind, uint32_t>>> ParseMix(std::string_view text) {
  std::vector<std::pair<OpKind, uint32_t>> mix;
  for (const std::string_view part : Split(text, ',')) {
    const std::string_view wanted = part.substr(0, part.find('='));
    uint32_t weight = 0;
    if (wanted == part || !ParseNumber(part.substr(wanted.size() + 1), weight)) {
      return absl::InvalidArgumentError(Concat("--mix: '", part, "' is not name=weight"));
    }
    size_t kind = 0;
    while (kind < kOpKindCount && NameOf(static_cast<OpKind>(kind)) != wanted) ++kind;
    if (kind == kOpKindCount || static_cast<OpKind>(kind) == OpKind::kKeepAlive) {
      return absl::InvalidArgumentError(
          Concat("--mix: '", wanted,
                 "' is not one of put, get, get_serializable, range, txn, lease_grant"));
    }
    mix.emplace_back(static_cast<OpKind>(kind), weight);
  }
  if (mix.empty()) return absl::InvalidArgumentError("mixed needs --mix, e.g. put=1,get=9");
  return mix;
}

// Applies args[i] (and its value, if that is the next argument); leaves `i` at the last one used.
absl::Status ParseFlag(const std::vector<std::string>& args, size_t& i, Options& options) {
  std::string_view name = args[i];
  if (name.substr(0, 2) != "--") {
    return absl::InvalidArgumentError(
        Concat("unexpected argument '", name, "'; options begin with --"));
  }
  name.remove_prefix(2);
  const size_t equals = name.find('=');
  std::string_view value = equals == std::string_view::npos ? "" : name.substr(equals + 1);
  name = name.substr(0, equals);
  for (const OptionSpec& spec : OptionTable()) {
    if (spec.name != name) continue;
    if (!spec.value.empty() && equals == std::string_view::npos) {
      if (i + 1 == args.size()) {
        return absl::InvalidArgumentError(Concat("--", name, " needs ", spec.value));
      }
      value = args[++i];
    }
    if (spec.set(options, value)) return absl::OkStatus();
    return absl::InvalidArgumentError(Concat("--", name, ": '", value, "' is not ", spec.value));
  }
  return absl::InvalidArgumentError(Concat("unknown option --", name, "; see --help"));
}

absl::Status FinishOptions(const CommandSpec& command, Options& options) {
  options.mix = command.mix;
  if (command.name == "mixed") {
    auto parsed = ParseMix(options.mix_text);
    if (!parsed.ok()) return parsed.status();
    options.mix = *std::move(parsed);
  }
  if (options.command == Command::kWatch) {
    options.mix = {{OpKind::kPut, 1}};
    options.stamped = true;
    if (options.value_size < 8) return absl::InvalidArgumentError("watch needs --value-size >= 8");
  }
  if (command.name == "get" && options.serializable) options.mix = {{OpKind::kSerializableGet, 1}};
  if (options.count > 0) options.warmup_seconds = options.duration_seconds = 0;
  if (options.streams == 0) options.streams = options.rate > 0 ? 1000 : 1;
  if (options.batch > 1) options.keys.sequential = true;
  if (options.connections == 0 || options.threads == 0 || options.batch == 0) {
    return absl::InvalidArgumentError("--connections, --threads and --batch are at least 1");
  }
  if (options.watched > 100) return absl::InvalidArgumentError("--watched is at most 100");
  if (options.watched < 100 && (!options.own_keys || options.batch > 1)) {
    return absl::InvalidArgumentError("--watched needs --own-keys, and no --batch");
  }
  if (options.watch_thread && options.max_lag > 0) {
    return absl::InvalidArgumentError("--watch-thread can't be combined with --max-lag");
  }
  if (options.threads > options.connections) options.threads = options.connections;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Options> ParseOptions(const std::vector<std::string>& args) {
  Options options;
  if (args.empty() || args[0] == "help" || args[0] == "--help" || args[0] == "-h") return options;
  const CommandSpec* command = nullptr;
  for (const CommandSpec& spec : Commands()) {
    if (spec.name == args[0]) command = &spec;
  }
  if (command == nullptr) {
    return absl::InvalidArgumentError(Concat("unknown command '", args[0], "'; see --help"));
  }
  options.command = command->command;
  options.name = args[0];
  if (command->command == Command::kScan) options.limit = 10'000;
  for (size_t i = 1; i < args.size(); ++i) {
    if (args[i] == "--help" || args[i] == "-h") return Options();
    if (absl::Status status = ParseFlag(args, i, options); !status.ok()) return status;
  }
  if (absl::Status status = FinishOptions(*command, options); !status.ok()) return status;
  return options;
}

std::string HelpText() {
  std::string text =
      "kvbench: load for an etcd v3 API over gRPC without TLS, at little cost per operation.\n\n"
      "  kvbench COMMAND [--option value]...\n\nCommands\n";
  for (const CommandSpec& spec : Commands()) {
    absl::StrAppendFormat(&text, "  %-12s %s\n", spec.name, spec.help);
  }
  std::string_view group;
  for (const OptionSpec& spec : OptionTable()) {
    if (spec.group != group) text += Concat("\n", spec.group, "\n");
    group = spec.group;
    const std::string flag = Concat("--", spec.name, spec.value.empty() ? "" : " ",
                                    spec.value.empty() ? "" : spec.value);
    absl::StrAppendFormat(&text, "  %-28s %s\n", flag, spec.help);
  }
  text += HelpExamples();
  return text;
}

}  // namespace keelson::kvbench
