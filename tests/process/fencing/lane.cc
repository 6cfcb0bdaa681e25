#include "tests/process/fencing/lane.h"

#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "tests/harness/wait_until.h"

namespace keelson::testing {
namespace {

using client::KeyRange;

constexpr absl::Duration kLongEnough = absl::Seconds(60);

std::unique_ptr<client::Client> NewClient(const std::vector<std::string>& endpoints) {
  auto client = client::Client::Create({.endpoints = endpoints, .timeout = absl::Seconds(20)});
  KEELSON_CHECK(client.ok(), "endpoints of a test cluster are valid");
  return *std::move(client);
}

std::string WorkerBinary() {
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
  KEELSON_CHECK(length > 0, "a process knows its own program");
  const std::string own(path, static_cast<size_t>(length));
  return own.substr(0, own.rfind('/')) + "/fencing_worker";
}

}  // namespace

Ledger::Ledger(const client::Client& client, std::string name)
    : client_(client), name_(std::move(name)) {
  watcher_ = client_.Watch(KeyRange::Key(name_ + "-ledger"), 1);
}

std::optional<Entry> Ledger::Next(absl::Duration timeout) {
  if (waiting_.empty()) {
    const auto batch = watcher_->Next(timeout);
    if (!batch.ok()) return std::nullopt;
    for (const client::WatchEvent& event : batch->events) {
      const std::vector<std::string> words = absl::StrSplit(event.kv.value, ' ');
      Entry entry{.id = words.at(0), .revision = event.kv.mod_revision};
      KEELSON_CHECK(absl::SimpleAtoi(words.at(1), &entry.token), "a worker writes its token");
      waiting_.push_back(entry);
    }
    if (waiting_.empty()) return std::nullopt;
  }
  const Entry entry = waiting_.front();
  waiting_.erase(waiting_.begin());
  Check(entry);
  return entry;
}

std::optional<Entry> Ledger::AwaitAfter(int64_t token, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (true) {
    const auto entry = Next(absl::Seconds(1));
    if (entry && entry->token > token && waiting_.empty()) return entry;
    if (!entry && absl::Now() > deadline) return std::nullopt;
  }
}

void Ledger::Check(const Entry& entry) {
  ++writes_;
  if (entry.token < last_.token) {
    violations_.push_back(absl::StrCat("at revision ", entry.revision, " ", entry.id,
                                       " wrote under token ", entry.token, ", after ",
                                       last_.token));
  }
  const bool first_of_its_token = entry.token != last_.token;
  last_ = entry;
  if (!first_of_its_token) return;
  const auto line = client_.kv().Get(KeyRange::Prefix(name_ + "/"),
                                     {.revision = entry.revision,
                                      .limit = 1,
                                      .order = client::SortOrder::kAscending,
                                      .sort_by = client::SortTarget::kCreateRevision},
                                     {.timeout = kLongEnough});
  if (!line.ok() || line->kvs.empty() || line->kvs[0].create_revision != entry.token) {
    violations_.push_back(
        absl::StrCat("at revision ", entry.revision, " ", entry.token,
                     " was not the first in line: ", line.ok() ? "" : line.status().ToString()));
  }
}

Worker::Worker(TestCluster& cluster, std::string kind, std::string name, std::string id)
    : kind_(std::move(kind)),
      name_(std::move(name)),
      id_(std::move(id)),
      log_(absl::StrCat(cluster.dir(), "/", name_, "-", id_, ".log")) {
  std::vector<std::pair<int, int>> ports;
  std::vector<std::string> endpoints;
  for (int i = 0; i < cluster.size(); ++i) {
    ports_.emplace_back();
    ports.emplace_back(ports_.back().port(), cluster.member(i).config().client_port);
    endpoints.push_back(absl::StrCat("127.0.0.1:", ports_.back().port()));
  }
  proxy_ = std::make_unique<TcpProxy>(ports);
  endpoints_ = absl::StrJoin(endpoints, ",");
  Restart();
}

Worker::~Worker() { Kill(); }

void Worker::Pause() { process_->Signal(SIGSTOP); }
void Worker::Resume() { process_->Signal(SIGCONT); }
void Worker::Kill() { process_->Kill(); }

void Worker::Restart() {
  auto process = Process::Start({WorkerBinary(), endpoints_, kind_, name_, id_}, log_);
  KEELSON_CHECK(process.ok(), "the worker starts");
  process_.emplace(*std::move(process));
}

bool Worker::AwaitRefused(int64_t token, absl::Duration timeout) const {
  const std::string wanted = absl::StrCat("refused ", token);
  return WaitUntil(timeout, [&] {
    std::ifstream log(log_);
    for (std::string line; std::getline(log, line);) {
      if (line == wanted) return true;
    }
    return false;
  });
}

Lane::Lane(TestCluster& cluster, std::string kind, int index, uint64_t seed)
    : name_(absl::StrCat("lane-", index)),
      random_(seed),
      client_(NewClient(cluster.endpoints())),
      ledger_(*client_, name_),
      a_(cluster, kind, name_, "a"),
      b_(cluster, kind, name_, "b") {}

std::string Lane::Cycle() {
  auto before = ledger_.AwaitAfter(token_, kLongEnough);
  // Not always at its first write.
  for (uint64_t more = random_() % 20; before && more > 0; --more) {
    const auto next = ledger_.Next(kLongEnough);
    if (next) before = next;
  }
  if (!before) return "nobody holds it";
  token_ = before->token;
  Worker& victim = holder(*before);
  const uint64_t way = random_() % 5;
  // Pauses and cuts are what fences are for; a death is the simple case.
  if (way < 2) {
    victim.Pause();
  } else if (way < 4) {
    victim.Cut();
  } else {
    victim.Kill();
  }
  const bool passed_on = ledger_.AwaitAfter(token_, kLongEnough).has_value();
  if (way < 2) {
    victim.Resume();
  } else if (way < 4) {
    victim.Heal();
  } else {
    victim.Restart();
  }
  if (!passed_on) return absl::StrCat("nobody held it after ", token_, ", way ", way);
  if (way < 4 && !victim.AwaitRefused(token_, kLongEnough)) {
    return absl::StrCat("the write under ", token_, " was not refused, way ", way);
  }
  refused_ += way < 4 ? 1 : 0;
  return "";
}

}  // namespace keelson::testing
