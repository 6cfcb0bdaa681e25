// kvctl: hands the process's surroundings to Run.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "client/kvctl/run.h"

namespace {

using keelson::kvctl::Environment;
using keelson::kvctl::Stop;

// Waits for the signals that ask to end, for ever. REQUIRES: all threads block them.
void HearSignals(const sigset_t& signals, Stop& stop) {
  while (true) {
    int signal_number = 0;
    if (sigwait(&signals, &signal_number) != 0 || stop.Raise()) continue;
    // As if nobody had blocked it: the parent sees which signal ended us.
    signal(signal_number, SIG_DFL);
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, signal_number);
    pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
    raise(signal_number);
  }
}

void ReadVariables(Environment& environment) {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string::npos) continue;
    const std::string name = text.substr(0, equals);
    const bool matters = name == "NO_COLOR" || name == "HOME" || name == "XDG_CONFIG_HOME" ||
                         name == "ETCDCTL_ENDPOINTS" || absl::StartsWith(name, "KVCTL_");
    if (matters) environment.variables[name] = text.substr(equals + 1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  // Both live as long as the process: the thread that hears of signals never ends.
  static Stop stop;
  static sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    // What a parent such as nohup had ignored stays so.
    struct sigaction now = {};
    if (sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN) continue;
    sigaddset(&signals, number);
  }
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([] { HearSignals(signals, stop); }).detach();

  Environment environment{.in = &std::cin, .out = &std::cout, .err = &std::cerr};
  environment.in_is_terminal = isatty(STDIN_FILENO) != 0;
  environment.out_is_terminal = isatty(STDOUT_FILENO) != 0;
  environment.err_is_terminal = isatty(STDERR_FILENO) != 0;
  environment.stop = &stop;
  ReadVariables(environment);
  const int code =
      keelson::kvctl::Run(std::vector<std::string>(argv + 1, argv + argc), environment);
  std::cout.flush();
  std::cerr.flush();
  // At once: gRPC's threads may still be closing connections, and must not meet the destructors of
  // a process on its way out.
  std::_Exit(code);
}
