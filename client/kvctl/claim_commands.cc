// lock and elect: what is held is given back at the end, and at a signal.
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <stop_token>

#include "absl/strings/str_cat.h"
#include "client/keelson/recipes/election.h"
#include "client/keelson/recipes/fence.h"
#include "client/keelson/recipes/lease_session.h"
#include "client/keelson/recipes/lock.h"
#include "client/kvctl/command.h"
#include "client/kvctl/json.h"
#include "client/kvctl/program.h"
#include "client/kvctl/text.h"

namespace keelson::kvctl {
namespace {

using client::recipes::Election;
using client::recipes::Leader;
using client::recipes::LeaderObserver;
using client::recipes::LeaseSession;
using client::recipes::Lock;
using Kind = FlagSpec::Kind;

// Ends when a signal asks for it or when the session is lost; then the program has to end, too.
class Ending {
 public:
  void Begin() {
    stop_.request_stop();
    over_.Set();
    const std::lock_guard lock(mutex_);
    if (program_ != nullptr) program_->Terminate();
  }
  std::stop_token token() const { return stop_.get_token(); }
  void Wait() { over_.Wait(absl::InfiniteDuration()); }

  // Runs `words` until they end; they are told to end when this does.
  absl::StatusOr<int> Run(const std::vector<std::string>& words,
                          const std::vector<std::string>& variables) {
    auto started = Program::Start(words, variables);
    if (!started.ok()) return started.status();
    {
      const std::lock_guard lock(mutex_);
      program_ = started->get();
      if (over_.IsSet()) program_->Terminate();
    }
    const int code = (*started)->Wait();
    const std::lock_guard lock(mutex_);
    program_ = nullptr;
    return code;
  }

 private:
  std::stop_source stop_;
  Event over_;
  std::mutex mutex_;  // guards program_
  Program* program_ = nullptr;
};

absl::Status Failed(const absl::Status& status) {
  return client::WithOutcome(status, client::Outcome::kFailed);
}

struct Claiming {
  Invocation& invocation;
  Ending& ending;
  LeaseSession& session;
  std::vector<std::string> program;
};

// As shells, env and timeout say it.
constexpr int kNoSuchProgram = 127;
constexpr int kNotExecutable = 126;

ExitCode NotStarted(const Invocation& invocation, const absl::Status& status) {
  invocation.Report(Failed(status));
  return static_cast<ExitCode>(absl::IsNotFound(status) ? kNoSuchProgram : kNotExecutable);
}

// What to do with what is held: run the program, or wait for the end. Then the exit code.
ExitCode Hold(Claiming& claiming, const client::recipes::Fence& fence) {
  if (claiming.program.empty()) {
    claiming.ending.Wait();
  } else {
    const auto lease = static_cast<uint64_t>(claiming.session.lease());
    const auto code =
        claiming.ending.Run(claiming.program, {absl::StrCat("ETCD_LOCK_KEY=", fence.key()),
                                               absl::StrCat("KEELSON_LOCK_TOKEN=", fence.token()),
                                               absl::StrCat("KEELSON_LEASE=", LeaseText(lease))});
    if (!code.ok()) return NotStarted(claiming.invocation, code.status());
    if (claiming.session.Lost().ok()) return static_cast<ExitCode>(*code);
  }
  const absl::Status lost = claiming.session.Lost();
  if (lost.ok()) return kOk;
  claiming.invocation.err() << "kvctl: " << fence.key() << " was lost while it was held\n";
  return claiming.invocation.Report(Failed(lost));
}

// Starts a session and calls `run` with it; a signal ends it from now on.
ExitCode WithSession(Invocation& invocation, const std::vector<std::string>& program,
                     ExitCode (*run)(Claiming&)) {
  const int64_t ttl = invocation.flags().Int("ttl");
  if (ttl <= 0) return invocation.Misused("--ttl: give a number of seconds");
  Ending ending;
  const Stop::Listener listener(invocation.stop(), [&ending] { ending.Begin(); });
  auto session = LeaseSession::Start(invocation.client(),
                                     {.ttl = ttl, .on_lost = [&ending] { ending.Begin(); }});
  if (!session.ok()) return invocation.Report(session.status());
  Claiming claiming{invocation, ending, **session, program};
  const ExitCode code = run(claiming);
  const absl::Status closed = (*session)->Lost().ok() ? (*session)->Close() : absl::OkStatus();
  session->reset();
  if (closed.ok()) return code;
  invocation.err() << "kvctl: it could not be given back and ends by itself in " << ttl
                   << " s: " << std::string(closed.message()) << "\n";
  return code == kOk ? kFailed : code;
}

// Not acquired. After a signal there is nothing to say.
ExitCode NotHeld(Claiming& claiming, const absl::Status& status) {
  Invocation& invocation = claiming.invocation;
  if (absl::IsCancelled(status)) return kFailed;
  if (!absl::IsDeadlineExceeded(status) || !invocation.flags().Given("wait")) {
    return invocation.Report(status);
  }
  invocation.err() << "kvctl: somebody else holds " << invocation.arguments()[0]
                   << "; gave up after "
                   << absl::FormatDuration(invocation.flags().Duration("wait")) << "\n";
  return kUnavailable;
}

client::recipes::WaitOptions WaitFor(const Claiming& claiming) {
  client::recipes::WaitOptions wait{.stop = claiming.ending.token()};
  const ParsedFlags& flags = claiming.invocation.flags();
  if (flags.Given("wait")) wait.timeout = flags.Duration("wait");
  return wait;
}

ExitCode HoldLock(Claiming& claiming) {
  Lock lock(claiming.session, claiming.invocation.arguments()[0]);
  const absl::Status held = lock.Acquire(WaitFor(claiming));
  if (!held.ok()) return NotHeld(claiming, held);
  const client::recipes::Fence fence = lock.fence();
  if (claiming.program.empty()) {
    claiming.invocation.writer().Show({.plain = fence.key() + "\n",
                                       .json = JsonObject()
                                                   .Raw("key", JsonBase64(fence.key()))
                                                   .Int("token", fence.token())
                                                   .Int("lease", claiming.session.lease())
                                                   .Done()});
    claiming.invocation.out().flush();
  }
  return Hold(claiming, fence);
}

ExitCode RunLock(Invocation& invocation) {
  auto program = invocation.TakeProgram();
  if (!program.ok()) return invocation.Misused(std::string(program.status().message()));
  const std::vector<std::string>& arguments = invocation.arguments();
  if (program->empty()) {
    // etcdctl's way: without a --, where no word of the program looks like a flag.
    program->assign(arguments.begin() + 1, arguments.end());
  } else if (arguments.size() != 1) {
    return invocation.Misused("lock takes one name, and a program after --");
  }
  return WithSession(invocation, *program, HoldLock);
}

void ShowLeader(Invocation& invocation, const std::string& key,
                const std::optional<Leader>& leader) {
  Answer answer{.plain = leader ? absl::StrCat(key, key.empty() ? "" : "\n", leader->value, "\n")
                                : "(nobody)\n"};
  JsonObject json;
  json.Bool("elected", leader.has_value());
  if (leader) json.Raw("value", JsonBase64(leader->value)).Int("revision", leader->mod_revision);
  answer.json = json.Done();
  invocation.writer().Show(answer);
  invocation.out().flush();
}

ExitCode HoldOffice(Claiming& claiming) {
  Invocation& invocation = claiming.invocation;
  const std::string& value = invocation.arguments()[1];
  Election election(claiming.session, invocation.arguments()[0]);
  const absl::Status leads = election.Campaign(value, WaitFor(claiming));
  if (!leads.ok()) return NotHeld(claiming, leads);
  const client::recipes::Fence fence = election.fence();
  if (claiming.program.empty()) {
    ShowLeader(invocation, fence.key(),
               Leader{.value = value, .fence = fence, .mod_revision = fence.token()});
  }
  return Hold(claiming, fence);
}

ExitCode Listen(Invocation& invocation) {
  std::stop_source stop;
  const Stop::Listener listener(invocation.stop(), [&stop] { stop.request_stop(); });
  LeaderObserver observer(invocation.client(), invocation.arguments()[0]);
  while (true) {
    const auto leader = observer.Next({.stop = stop.get_token()});
    if (absl::IsCancelled(leader.status())) return kOk;
    if (!leader.ok()) return invocation.Report(Failed(leader.status()));
    ShowLeader(invocation, "", *leader);
    if (!invocation.out().good()) return kOk;  // there is nobody to tell; Run says so
  }
}

ExitCode RunElect(Invocation& invocation) {
  const auto program = invocation.TakeProgram();
  if (!program.ok()) return invocation.Misused(std::string(program.status().message()));
  const bool listens = invocation.flags().Bool("listen");
  if (invocation.arguments().size() != (listens ? 1 : 2)) {
    return invocation.Misused(listens ? "elect --listen takes one name"
                                      : "elect takes a name and what to say of oneself");
  }
  return listens ? Listen(invocation) : WithSession(invocation, *program, HoldOffice);
}

std::vector<FlagSpec> ClaimFlags() {
  return {{.name = "ttl",
           .kind = Kind::kInt,
           .value_name = "SECONDS",
           .help = "until others get it when this machine dies",
           .fallback = "10"},
          {.name = "wait",
           .kind = Kind::kDuration,
           .value_name = "TIME",
           .help = "give up waiting for it after this, with 4"}};
}

}  // namespace

std::vector<Command> ClaimCommands() {
  std::vector<FlagSpec> elect_flags = ClaimFlags();
  elect_flags.push_back({.name = "listen",
                         .help = "follow who is elected, take no part",
                         .fallback = "false",
                         .short_name = "l"});
  return {{.name = "lock",
           .arguments = "NAME [-- PROGRAM [WORD...]]",
           .summary = "Hold a lock, while a program runs or until stopped",
           .details =
               R"(Waits until nobody else has it; then prints its key and holds it until a
signal, or runs PROGRAM, whose exit code it ends with (127 if there is no such program). The lock
is given back at the end; when this machine dies, by the cluster after --ttl. When it is lost
meanwhile PROGRAM gets SIGTERM.
The locks are etcd's: etcdctl lock and the Lock service exclude this one.

PROGRAM finds the key in ETCD_LOCK_KEY and its create revision in KEELSON_LOCK_TOKEN (and the
lease in KEELSON_LEASE): a transaction with create("KEY") = "TOKEN" writes only as long as the
lock is held.
)",
           .examples =
               R"(  kvctl lock backup -- ./backup.sh            one at a time in the whole cluster
  kvctl lock backup --wait 10s -- ./backup.sh and not at all if it takes longer to get
)",
           .flags = ClaimFlags(),
           .min_arguments = 1,
           .max_arguments = -1,
           .run = RunLock},
          {.name = "elect",
           .arguments = "NAME VALUE [-- PROGRAM [WORD...]]",
           .summary = "Take part in an election, or follow it",
           .details =
               R"(Waits until it is elected; then prints its key and VALUE, which says to others
who it is, and leads until a signal, or while PROGRAM runs, as with `kvctl lock`. With --listen
it prints the VALUE of each leader as they change. The elections are etcd's.
)",
           .examples = R"(  kvctl elect scheduler 10.0.0.1:7000 -- ./schedule
  kvctl elect scheduler --listen
)",
           .flags = elect_flags,
           .min_arguments = 1,
           .max_arguments = -1,
           .run = RunElect}};
}

}  // namespace keelson::kvctl
