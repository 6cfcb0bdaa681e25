// One lock or election with two workers, of which the holder is hit again and again.
#pragma once

#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "client/keelson/client.h"
#include "tests/harness/ports.h"
#include "tests/harness/process.h"
#include "tests/harness/tcp_proxy.h"
#include "tests/harness/test_cluster.h"

namespace keelson::testing {

// A write that the store has accepted.
struct Entry {
  std::string id;
  int64_t token = 0;
  int64_t revision = 0;
};

// What the holders have written, as a watch tells, with the rules that must hold: tokens never go
// back, and each writer was the first in line at the revision of its write.
class Ledger {
 public:
  Ledger(const client::Client& client, std::string name);

  // The next write; nullopt after `timeout`.
  std::optional<Entry> Next(absl::Duration timeout);
  // The newest write once its token is greater than `token`.
  std::optional<Entry> AwaitAfter(int64_t token, absl::Duration timeout);

  // What broke the rules; empty is good.
  const std::vector<std::string>& violations() const { return violations_; }
  int64_t writes() const { return writes_; }

 private:
  void Check(const Entry& entry);

  const client::Client& client_;
  const std::string name_;
  std::unique_ptr<client::Watcher> watcher_;
  std::vector<Entry> waiting_;
  Entry last_;
  int64_t writes_ = 0;
  std::vector<std::string> violations_;
};

// A process with a way of its own to the members.
class Worker {
 public:
  // REQUIRES: called on a thread that lives as long as the worker.
  Worker(TestCluster& cluster, std::string kind, std::string name, std::string id);
  ~Worker();

  const std::string& id() const { return id_; }
  void Pause();
  void Resume();
  void Kill();
  void Restart();
  void Cut() { proxy_->Cut(); }
  void Heal() { proxy_->Heal(); }

  // Whether it has said, or says in time, that its write under `token` was refused.
  bool AwaitRefused(int64_t token, absl::Duration timeout) const;

 private:
  std::string kind_;
  std::string name_;
  std::string id_;
  std::string log_;
  std::vector<PortLease> ports_;
  std::unique_ptr<TcpProxy> proxy_;
  std::string endpoints_;
  std::optional<Process> process_;
};

class Lane {
 public:
  // Kinds as of fencing_worker.
  Lane(TestCluster& cluster, std::string kind, int index, uint64_t seed);

  // Hits the holder in one way, waits until another has written, makes good, and waits until the
  // stale holder was refused. What went wrong, or nothing.
  std::string Cycle();

  Ledger& ledger() { return ledger_; }
  Worker& holder(const Entry& entry) { return entry.id == a_.id() ? a_ : b_; }
  int refused() const { return refused_; }

 private:
  const std::string name_;
  std::mt19937_64 random_;
  const std::unique_ptr<client::Client> client_;
  Ledger ledger_;
  Worker a_;
  Worker b_;
  int64_t token_ = 0;
  int refused_ = 0;
};

}  // namespace keelson::testing
