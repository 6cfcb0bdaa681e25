// The clients of a simulated cluster: writers and readers, watchers, lease holders. Each checks
// every answer against the truth.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "proto/etcd/rpc.pb.h"
#include "tests/sim/cluster.h"

namespace keelson::sim {

// What a client does how often, and how long it waits for an answer.
struct KvHabits {
  uint64_t put = 38, erase = 8, transact = 14, read = 20, serializable = 17, compact = 3;
  Duration pause = std::chrono::milliseconds(40);
  Duration patience = std::chrono::seconds(9);
  uint64_t old_read_one_in = 4;  // reads at an earlier revision

  // Of somebody who writes and reads, or of one who only reads.
  static KvHabits DrawWriter(Dice& dice);
  static KvHabits DrawReader(Dice& dice);
};

// One client that always has one operation under way, against a member of its choice.
class KvClient {
 public:
  KvClient(SimCluster& cluster, int number, const KvHabits& habits)
      : cluster_(cluster), number_(number), habits_(habits) {}
  // Goes on until Stop.
  void Start();
  void Stop() { stopped_ = true; }
  // How many were answered without an error.
  uint64_t operations() const { return operations_; }

 private:
  // What the running operation was and what was known when it began.
  struct Operation {
    std::string value;  // unique; empty for one that writes nothing
    int64_t known = 1;  // acknowledged before it began
    bool over = false;
    std::shared_ptr<FakeCall> call;
  };
  using OperationPtr = std::shared_ptr<Operation>;

  void Next();
  void NextSoon();
  OperationPtr Begin();
  std::string RandomKey();
  std::string NewValue(const char* prefix);
  // Sends the call; `on_answer` gets the message of a call that ended well.
  void Send(SimMember& member, const std::string& method, const std::string& request,
            OperationPtr operation, std::function<void(const std::string&)> on_answer);
  void End(const OperationPtr& operation, const absl::Status& status);
  void Put(SimMember& member);
  void Delete(SimMember& member);
  void Transact(SimMember& member);
  void Read(SimMember& member, bool serializable);
  void Compact(SimMember& member);
  int64_t OldRevision();
  void CheckRead(const std::string& who, const etcdserverpb::RangeRequest& request,
                 const etcdserverpb::RangeResponse& response);
  void CheckSerializable(SimMember& member, uint64_t power_losses, int64_t revision);

  SimCluster& cluster_;
  const int number_;
  const KvHabits habits_;
  bool stopped_ = false;
  uint64_t operations_ = 0;
  uint64_t values_ = 0;
};

// One watcher of a key range that follows it over members, and must see every change once.
class WatchClient {
 public:
  WatchClient(SimCluster& cluster, std::string begin, std::string end)
      : cluster_(cluster), begin_(std::move(begin)), end_(std::move(end)) {}
  ~WatchClient();
  void Start() { Connect(); }
  // Whether it has seen everything up to the newest change of its range.
  bool CaughtUp() const;
  std::string Describe() const;

 private:
  void Connect();
  void ConnectLater();
  void OnResponse(const etcdserverpb::WatchResponse& response);
  void OnEvents(const etcdserverpb::WatchResponse& response);
  void CheckAge(int64_t age_ms);
  void CheckAlive();

  SimCluster& cluster_;
  const std::string begin_, end_;
  int64_t min_revision_ = 0;  // asked for when the session began
  int64_t seen_ = 0;          // everything up to here was delivered, or need not be
  bool placed_ = false;       // seen_ counts
  SimMember* member_ = nullptr;
  uint64_t member_start_ = 0;
  uint64_t session_ = 0;
  std::shared_ptr<FakeCall> call_;
};

// Grants leases, attaches a key, keeps some alive for a while; none may end early, and those that
// are left alone must end.
class LeaseClient {
 public:
  explicit LeaseClient(SimCluster& cluster, int number) : cluster_(cluster), number_(number) {}
  void Start() { GrantOne(); }
  void Stop() { stopped_ = true; }
  // Within this time of its last keep-alive, or of the moment at which a leader began to time
  // leases, a lease ends: the longest TTL, a new leader's election timeout on top, and a second
  // for ticks and the log.
  static constexpr std::chrono::seconds kLongestTtl{5};
  static constexpr std::chrono::seconds kEndsWithin = kLongestTtl + std::chrono::seconds(2);
  // Whether every lease that had a key has ended.
  bool AllEnded() const;
  // Checks what was promised against what happened. REQUIRES: all leases had time to end.
  void CheckAtEnd();

 private:
  struct Promise {
    int64_t id = 0;
    std::string key;
    Instant until;  // alive at least so long
    int keep_alives = 0;
  };
  using PromisePtr = std::shared_ptr<Promise>;

  void GrantOne();
  void Again(Duration after);
  void Attach(PromisePtr promise, int64_t ttl);
  void KeepAlive(PromisePtr promise, int64_t ttl);
  void CheckNotEnded(const Promise& promise, const char* when) const;
  bool Lives(const Promise& promise) const;

  SimCluster& cluster_;
  const int number_;
  bool stopped_ = false;
  uint64_t keys_ = 0;
  std::vector<PromisePtr> promises_;
};

// Reads at any member with a bound of the age, and holds each answer against what had been
// acknowledged by then: a member that says "at most so old" has everything acknowledged before.
// Some reads are to see a revision, which may be on its way to the member or not even written.
class FreshReader {
 public:
  explicit FreshReader(SimCluster& cluster) : cluster_(cluster) {}
  void Start() { ReadOne(); }
  void Stop() { stopped_ = true; }

 private:
  struct Asked {
    int64_t max_age_ms = 0;
    int64_t min_revision = 0;
    bool linearizable = false;
  };
  void ReadOne();
  void CheckCountedRight(SimMember& member, const Asked& asked, Instant since);
  void OnAnswer(SimMember& member, const Asked& asked, int64_t revision,
                const FakeCall::Metadata& metadata);

  SimCluster& cluster_;
  bool stopped_ = false;
};

// Names each write and repeats it at any member until the log has said what became of it: whatever
// happens, it is decided once, and each answer is the first one to the letter. There are puts that
// show the pair before, transactions whose condition soon changes, and puts that are refused.
class NamedWriter {
 public:
  NamedWriter(SimCluster& cluster, int name) : cluster_(cluster), name_(name) {}
  void Start() { Next(); }
  // The write under way is still brought to its end.
  void Stop() { stopped_ = true; }
  bool settled() const { return settled_; }

 private:
  std::string ValueOf(int write) const;
  void Next();
  void Try(int tries);
  void Send(int tries);
  void DrawRequest();
  void OnAnswer(int write, int tries, const absl::Status& status,
                const etcdserverpb::TxnResponse& answer, const FakeCall::Metadata& metadata);
  void CheckDecided(int write, bool first, const absl::Status& status,
                    const etcdserverpb::TxnResponse& answer);

  SimCluster& cluster_;
  const int name_;
  bool stopped_ = false;
  bool settled_ = true;  // the write under way
  int number_ = 0;       // it
  std::string id_;
  std::string method_, request_;     // the same at each try
  std::string position_ = "0";       // the last one that was told
  std::set<int> first_;              // writes whose first answer was given
  std::map<int, std::string> told_;  // what was answered to each, whoever did
};

}  // namespace keelson::sim
