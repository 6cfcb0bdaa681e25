#include "tests/harness/server_process.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/check.h"
#include "tests/harness/http_get.h"
#include "tests/harness/wait_until.h"

namespace keelson::testing {
namespace {

std::string ServerName() {
  const char* chosen = getenv("KEELSON_TEST_SERVER");
  return chosen != nullptr && *chosen != '\0' ? chosen : "etcd";
}

std::string Url(int port) { return absl::StrCat("http://127.0.0.1:", port); }

}  // namespace

std::optional<std::string> FindProgram(const std::string& name) {
  if (absl::StrContains(name, "/")) {
    if (access(name.c_str(), X_OK) == 0) return name;
    return std::nullopt;
  }
  const char* path = getenv("PATH");
  const std::vector<std::string> folders = absl::StrSplit(path != nullptr ? path : "/usr/bin", ':');
  for (const std::string& folder : folders) {
    const std::string candidate = folder + "/" + name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return std::nullopt;
}

std::optional<std::string> FindServerBinary() {
  auto found = FindProgram(ServerName());
  KEELSON_CHECK(found || getenv("KEELSON_TEST_SERVER") == nullptr,
                "KEELSON_TEST_SERVER names a program");
  return found;
}

std::string MissingServerMessage() {
  return absl::StrCat("SKIPPED, NOTHING WAS TESTED: the server \"", ServerName(),
                      "\" is not installed. Install Debian's etcd-server, or set "
                      "KEELSON_TEST_SERVER to a kvd or etcd binary.");
}

absl::Status ServerProcess::Start() {
  KEELSON_CHECK(!IsRunning(), "a running member can't be started");
  std::vector<std::string> argv = {config_.binary,
                                   "--name",
                                   config_.name,
                                   "--data-dir",
                                   config_.data_dir,
                                   "--listen-client-urls",
                                   Url(config_.client_port),
                                   "--advertise-client-urls",
                                   Url(config_.client_port),
                                   "--listen-peer-urls",
                                   Url(config_.peer_port),
                                   "--initial-advertise-peer-urls",
                                   Url(config_.peer_port),
                                   "--initial-cluster",
                                   config_.initial_cluster,
                                   "--initial-cluster-state",
                                   config_.initial_cluster_state,
                                   "--initial-cluster-token",
                                   config_.cluster_token};
  argv.insert(argv.end(), config_.extra_flags.begin(), config_.extra_flags.end());
  auto process = Process::Start(argv, config_.log_path);
  if (!process.ok()) return process.status();
  process_.emplace(*std::move(process));
  return absl::OkStatus();
}

absl::Status ServerProcess::WaitHealthy(absl::Duration timeout) {
  return WaitFor("become healthy", timeout, /*healthy=*/true);
}

absl::Status ServerProcess::WaitListening(absl::Duration timeout) {
  return WaitFor("answer", timeout, /*healthy=*/false);
}

absl::Status ServerProcess::WaitFor(const char* what, absl::Duration timeout, bool healthy) {
  const std::string path = healthy ? "/health" : "/version";
  bool ended = false;
  const bool reached = WaitUntil(timeout, [&] {
    ended = !IsRunning();
    if (ended) return true;
    const auto answer = HttpGet(config_.client_port, path, absl::Seconds(2));
    return answer.ok() && answer->status == 200 &&
           (!healthy || absl::StrContains(answer->body, "true"));
  });
  if (reached && !ended) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      "member ", config_.name, " (", config_.binary, ") did ",
      ended ? "end instead of starting to " : "not ", what, "; its log ends with:\n", LogTail()));
}

void ServerProcess::Kill() {
  if (process_) process_->Kill();
}

void ServerProcess::Stop() {
  if (process_) process_->Terminate(absl::Seconds(10));
}

void ServerProcess::Pause() {
  if (process_) process_->Signal(SIGSTOP);
}

void ServerProcess::Resume() {
  if (process_) process_->Signal(SIGCONT);
}

std::string ServerProcess::endpoint() const {
  return absl::StrCat("127.0.0.1:", config_.client_port);
}

std::string ServerProcess::peer_url() const { return Url(config_.peer_port); }

std::string ServerProcess::LogTail(size_t max_bytes) const {
  std::ifstream file(config_.log_path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  const std::string text = content.str();
  return text.size() <= max_bytes ? text : text.substr(text.size() - max_bytes);
}

}  // namespace keelson::testing
