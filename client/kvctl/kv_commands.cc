// get, put, del, compact.
#include <istream>
#include <iterator>
#include <ostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/kvctl/command.h"
#include "client/kvctl/json.h"
#include "client/kvctl/kv_arguments.h"
#include "client/kvctl/text.h"

namespace keelson::kvctl {
namespace {

// How old an answer is, for people: "at most 12ms old, of revision 7; the member knows a quorum".
std::string AgeText(const client::Freshness& freshness) {
  const std::string age = freshness.linearizable ? "the newest"
                          : freshness.age ? "at most " + HumanDuration(*freshness.age) + " old"
                                          : "of unknown age";
  return absl::StrCat(
      age, ", of revision ", freshness.revision,
      freshness.quorum ? "; the member knows a quorum" : "; the member knows of no quorum");
}

ExitCode RunGet(Invocation& invocation) {
  const ParsedFlags& flags = invocation.flags();
  auto arguments = ReadGetArguments(flags);
  if (!arguments.ok()) return invocation.Misused(std::string(arguments.status().message()));
  client::CallOptions call;
  call.read.min_revision = flags.Int("min-revision");
  call.read.stale_ok = flags.Bool("stale-ok");
  if (flags.Given("max-age")) {
    call.read.max_age = flags.Duration("max-age");
    // A newest answer has no age: without a fall-back it is the asked member's that is meant.
    if (!call.read.stale_ok) arguments->options.serializable = true;
  }
  const auto result = invocation.client().kv().Get(arguments->range, arguments->options, call);
  if (!result.ok()) return invocation.Report(result.status());
  const bool told = call.read.stale_ok || call.read.max_age || call.read.min_revision > 0;
  if (told) invocation.err() << "kvctl: " << AgeText(result->freshness) << "\n";
  invocation.writer().Get(*result, {.value_only = flags.Bool("print-value-only"),
                                    .count_only = arguments->options.count_only,
                                    .freshness = told});
  const bool missing =
      arguments->range.is_single_key() && result->count == 0 && !arguments->options.count_only;
  return missing ? kNotFound : kOk;
}

ExitCode RunPut(Invocation& invocation) {
  auto arguments = ReadPutArguments(invocation.flags());
  if (!arguments.ok()) return invocation.Misused(std::string(arguments.status().message()));
  if (!arguments->value) {
    if (invocation.in_is_terminal()) {
      return invocation.Misused(
          "no value was given; write it after the key, or send it: kvctl put KEY < FILE");
    }
    arguments->value = std::string(std::istreambuf_iterator<char>(invocation.in()), {});
    if (arguments->value->empty()) {
      // More often a variable that was not set, or a command that failed, than what is meant.
      return invocation.Misused(
          "no value was given, and the input is empty; to store an empty value: kvctl put KEY "
          "\"\"");
    }
  }
  const auto result =
      invocation.client().kv().Put(arguments->key, *arguments->value, arguments->options);
  if (!result.ok()) return invocation.Report(result.status());
  invocation.writer().Put(*result);
  return kOk;
}

// What a deletion would do.
ExitCode ShowDeletion(Invocation& invocation, const client::KeyRange& range) {
  const auto found = invocation.client().kv().Get(range, {.count_only = true});
  if (!found.ok()) return invocation.Report(found.status());
  const std::string count = std::to_string(found->count);
  invocation.writer().Show({.plain = count + "\n",
                            .columns = {"WOULD BE DELETED"},
                            .rows = {{count}},
                            .json = JsonObject()
                                        .Int("revision", found->header.revision)
                                        .Int("would_delete", found->count)
                                        .Done()});
  return kOk;
}

// Whether a person who is there wants to delete that much. Nobody is asked about one key.
absl::StatusOr<bool> Confirmed(Invocation& invocation, const client::KeyRange& range) {
  const bool asks = invocation.in_is_terminal() && invocation.err_is_terminal() &&
                    !invocation.flags().Bool("yes") && !range.is_single_key();
  if (!asks) return true;
  const auto found = invocation.client().kv().Get(range, {.count_only = true});
  if (!found.ok()) return found.status();
  if (found->count <= 1) return true;
  invocation.err() << "Delete " << found->count << " keys? [y/N] " << std::flush;
  std::string answer;
  std::getline(invocation.in(), answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

ExitCode RunDelete(Invocation& invocation) {
  const auto arguments = ReadDeleteArguments(invocation.flags());
  if (!arguments.ok()) return invocation.Misused(std::string(arguments.status().message()));
  if (invocation.flags().Bool("dry-run")) return ShowDeletion(invocation, arguments->range);
  const auto confirmed = Confirmed(invocation, arguments->range);
  if (!confirmed.ok()) return invocation.Report(confirmed.status());
  if (!*confirmed) {
    invocation.err() << "kvctl: nothing was deleted\n";
    return kFailed;
  }
  const auto result = invocation.client().kv().Delete(arguments->range, arguments->options);
  if (!result.ok()) return invocation.Report(result.status());
  invocation.writer().Delete(*result);
  return kOk;
}

ExitCode RunCompact(Invocation& invocation) {
  int64_t revision = 0;
  if (!absl::SimpleAtoi(invocation.arguments()[0], &revision)) {
    return invocation.Misused("\"" + invocation.arguments()[0] + "\" is not a revision");
  }
  const auto result =
      invocation.client().kv().Compact(revision, {.physical = invocation.flags().Bool("physical")});
  if (!result.ok()) return invocation.Report(result.status());
  invocation.writer().Compact(revision, *result);
  return kOk;
}

std::vector<FlagSpec> GetCommandFlags() {
  using Kind = FlagSpec::Kind;
  std::vector<FlagSpec> flags = GetFlags();
  flags.push_back({.name = "max-age",
                   .kind = Kind::kDuration,
                   .value_name = "TIME",
                   .help = "from one member alone, but refuse what may be older; tells the age"});
  flags.push_back({.name = "stale-ok",
                   .help = "the newest, or without a majority what one member has; tells which",
                   .fallback = "false"});
  flags.push_back({.name = "min-revision",
                   .kind = Kind::kInt,
                   .value_name = "N",
                   .help = "wait until the member has come to revision N"});
  return flags;
}

Command GetCommand() {
  return {
      .name = "get",
      .arguments = "KEY [RANGE_END]",
      .summary = "Print a key, or the keys from KEY up to RANGE_END",
      .details = R"(Plain output is a line with the key and a line with the value, for each pair.
A single key that does not exist prints nothing and exits with 3. With --max-age, --stale-ok and
--min-revision stderr tells how old the answer is at most, JSON and fields do too; a member of etcd
does not know it, so --max-age is refused there.
)",
      .examples = R"(  kvctl get greeting                          one key
  kvctl get /config/ --prefix --keys-only     the names below /config/
  kvctl get "" --prefix --count-only          how many keys there are at all
  kvctl get greeting --rev 7 -o json          as it was at revision 7, for a program
  kvctl get /jobs/ --prefix --sort-by MODIFY --order DESCEND --limit 3
  kvctl get greeting --serializable           works without a majority, too
  kvctl get greeting --max-age 5s             the same, but not if it may be older
  kvctl get greeting --stale-ok               the newest; without a majority what there is
)",
      .flags = GetCommandFlags(),
      .min_arguments = 1,
      .max_arguments = 2,
      .run = RunGet};
}

Command PutCommand() {
  return {
      .name = "put",
      .arguments = "KEY [VALUE]",
      .summary = "Store a value under a key",
      .details =
          R"(Without VALUE the whole standard input is the value, its last newline included. An empty input is
refused: kvctl put KEY "" stores an empty value. A value that begins with - goes after --.
)",
      .examples = R"(  kvctl put greeting hello
  kvctl put motd < /etc/motd                  the value from a file
  kvctl put offset -- -7                      a value that looks like a flag
  kvctl put /locks/a me --lease 694d77aa9e38260f
  kvctl put greeting hi --prev-kv             and print what was there
)",
      .flags = PutFlags(),
      .min_arguments = 1,
      .max_arguments = 2,
      .run = RunPut};
}

Command DeleteCommand() {
  std::vector<FlagSpec> flags = DeleteFlags();
  flags.push_back({.name = "dry-run",
                   .help = "delete nothing; print how many keys it would be",
                   .fallback = "false"});
  flags.push_back(
      {.name = "yes", .help = "don't ask on a terminal", .fallback = "false", .short_name = "y"});
  return {
      .name = "del",
      .arguments = "KEY [RANGE_END]",
      .summary = "Delete a key, or the keys from KEY up to RANGE_END",
      .details =
          R"(Prints how many keys were deleted; none is not an error. On a terminal it asks first where that is
more than one key, unless --yes is given.
)",
      .examples = R"(  kvctl del greeting
  kvctl del /tmp/ --prefix --dry-run          see first how many it would be
  kvctl del /tmp/ --prefix --yes --prev-kv    and print what was there
)",
      .flags = flags,
      .min_arguments = 1,
      .max_arguments = 2,
      .run = RunDelete};
}

Command CompactCommand() {
  return {
      .name = "compact",
      .arguments = "REVISION",
      .summary = "Drop the history before a revision",
      .details =
          R"(What keys hold now is not touched; reading or watching from an older revision then fails.
)",
      .examples = R"(  kvctl get "" --prefix --count-only -o fields     shows the present revision
  kvctl compact 1000                               keep what revision 1000 and later need
  kvctl compact 1000 --physical                    and wait until the space is free
)",
      .flags = {{.name = "physical",
                 .help = "wait until the history is gone from the disk",
                 .fallback = "false"}},
      .min_arguments = 1,
      .max_arguments = 1,
      .alias = "compaction",
      .run = RunCompact};
}

}  // namespace

std::vector<Command> KvCommands() {
  return {GetCommand(), PutCommand(), DeleteCommand(), CompactCommand()};
}

}  // namespace keelson::kvctl
