// watch.
#include <utility>

#include "client/kvctl/watching.h"

namespace keelson::kvctl {
namespace {

ExitCode RunWatch(Invocation& invocation) {
  if (invocation.flags().Bool("interactive")) {
    if (invocation.arguments().empty()) return WatchInteractively(invocation);
    return invocation.Misused("watch -i takes its keys from the input");
  }
  if (invocation.arguments().empty()) {
    return invocation.Misused("watch needs a key, or -i\nTry: kvctl help watch");
  }
  const auto output = std::make_shared<WatchOutput>(invocation);
  const auto watching = Watching::Open(invocation, invocation.flags(), output);
  if (!watching.ok()) return invocation.Misused(std::string(watching.status().message()));
  return (*watching)->Follow();
}

}  // namespace

std::vector<Command> WatchCommands() {
  std::vector<FlagSpec> flags = WatchFlags();
  flags.push_back({.name = "interactive",
                   .help = "read watches, and requests for progress, from the input",
                   .fallback = "false",
                   .short_name = "i"});
  return {{.name = "watch",
           .arguments = "KEY [RANGE_END] [-- PROGRAM [WORD...]]",
           .summary = "Print the changes of keys as they happen",
           .details =
               R"(Runs until it is stopped with Ctrl-C. When the member it uses fails, it goes on at
the next one without missing or repeating a change. Plain output is PUT or DELETE, the key, the
value.

PROGRAM runs once for each change, one after the other, with ETCD_WATCH_EVENT_TYPE,
ETCD_WATCH_KEY, ETCD_WATCH_VALUE (each in double quotes) and ETCD_WATCH_REVISION in its
environment; the watch ends with 1 when it fails. A key that begins with - needs a -- of its own:
kvctl watch -- -key -- PROGRAM.

With -i each line of the input is a watch of its own, "watch [FLAGS] KEY [RANGE_END]", or
"progress", which asks all of them up to which revision all was delivered. The end of the input
ends no watch.
)",
           .examples = R"(  kvctl watch greeting
  kvctl watch /config/ --prefix --prev-kv     with what was there before
  kvctl watch greeting --rev 1                from the beginning of history
  kvctl watch a --also b --also c             several keys at once
  kvctl watch done --events 1                 wait for the next change
  kvctl watch /etc/app --prefix -- systemctl reload app
  kvctl watch /jobs/ --prefix -o json | while read -r line; do echo "$line"; done
  printf 'watch a\nwatch --prefix b/\n' | kvctl watch -i
)",
           .flags = std::move(flags),
           .min_arguments = 0,
           .max_arguments = -1,
           .run = RunWatch}};
}

}  // namespace keelson::kvctl
