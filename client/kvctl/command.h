// What a sub-command is, and what it gets to run with.
#pragma once

#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/keelson/client.h"
#include "client/kvctl/exit_code.h"
#include "client/kvctl/flags.h"
#include "client/kvctl/stop.h"
#include "client/kvctl/writer.h"

namespace keelson::kvctl {

// The process's surroundings, given from outside so that tests can be one.
struct Environment {
  std::istream* in;
  std::ostream* out;
  std::ostream* err;
  bool in_is_terminal = false;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  // Environment variables that matter: those beginning with KVCTL_, and NO_COLOR, HOME,
  // XDG_CONFIG_HOME; ETCDCTL_ENDPOINTS, to tell that it is not read.
  std::map<std::string, std::string> variables = {};
  // Hears of signals. Null: there are none.
  Stop* stop = nullptr;
};

// The client of a run, with the members it talks to.
struct Connection {
  client::Client& client;
  std::vector<std::string> endpoints;
};

// One run of a command. The client connects when first used.
class Invocation {
 public:
  Invocation(const Environment& environment, ParsedFlags flags, Connection connection,
             Writer& writer)
      : environment_(environment),
        flags_(std::move(flags)),
        connection_(std::move(connection)),
        writer_(writer) {}

  const ParsedFlags& flags() const { return flags_; }
  const std::vector<std::string>& arguments() const { return flags_.arguments(); }
  // What follows "--", taken from the arguments.
  absl::StatusOr<std::vector<std::string>> TakeProgram() { return flags_.TakeProgram(); }
  client::Client& client() const { return connection_.client; }
  const std::vector<std::string>& endpoints() const { return connection_.endpoints; }
  Writer& writer() const { return writer_; }
  std::istream& in() const { return *environment_.in; }
  std::ostream& out() const { return *environment_.out; }
  std::ostream& err() const { return *environment_.err; }
  bool in_is_terminal() const { return environment_.in_is_terminal; }
  bool out_is_terminal() const { return environment_.out_is_terminal; }
  bool err_is_terminal() const { return environment_.err_is_terminal; }
  const Environment& environment() const { return environment_; }
  // Signals; a listener keeps them from ending the process.
  Stop& stop() { return environment_.stop != nullptr ? *environment_.stop : nobody_; }

  // Prints a failure with what to do about it; the exit code for it.
  ExitCode Report(const absl::Status& status) const;
  // Prints what is wrong with the command line.
  ExitCode Misused(const std::string& what) const;

 private:
  const Environment& environment_;
  ParsedFlags flags_;
  const Connection connection_;
  Writer& writer_;
  Stop nobody_;
};

struct Command {
  std::string name;       // "get", or "lease grant" for a member of a group
  std::string arguments;  // "KEY [RANGE_END]"
  std::string summary;    // one line, for lists
  std::string details;    // paragraphs, for its own help
  std::string examples;   // runnable lines with what they do
  std::vector<FlagSpec> flags = {};
  int min_arguments = 0;
  int max_arguments = 0;  // -1: any number
  std::string alias = {};
  OutputFormat default_output = OutputFormat::kSimple;
  ExitCode (*run)(Invocation&) = nullptr;
};

// Every command, in the order of the help.
const std::vector<Command>& AllCommands();

// One function for each family, each in the file of that family.
std::vector<Command> KvCommands();
std::vector<Command> TxnCommands();
std::vector<Command> WatchCommands();
std::vector<Command> LeaseCommands();
std::vector<Command> MemberCommands();
std::vector<Command> EndpointCommands();
std::vector<Command> AlarmCommands();
std::vector<Command> SnapshotCommands();

std::vector<Command> TreeCommands();
std::vector<Command> DiffCommands();
std::vector<Command> HistoryCommands();
std::vector<Command> ClaimCommands();
std::vector<Command> TransferCommands();
std::vector<Command> MirrorCommands();
std::vector<Command> CheckCommands();
std::vector<Command> TopCommands();
std::vector<Command> DoctorCommands();
std::vector<Command> ProfileCommands();
std::vector<Command> CompletionCommands();

// The flags that every command takes.
const std::vector<FlagSpec>& GlobalFlags();

}  // namespace keelson::kvctl
