// A cluster in memory behind the client's transport seam: the server's own state machine answers.
// Each client has a link of its own, on which a test loses, holds or refuses what it wants.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "client/keelson/client.h"
#include "client/keelson/internal/core.h"
#include "client/keelson/internal/timer_thread.h"
#include "client/keelson/internal/transport.h"
#include "tests/apply/state_machine.h"

namespace keelson::testing {

class FakeWatchStream;

// The store, its history and the leases. Leases end by Revoke only. Thread-safe.
class FakeCluster {
 public:
  // The changes of one.
  using Revision = std::vector<mvccpb::Event>;

  // The answer's body. `method` as on the wire: KV/Txn, KV/Range, KV/Put, KV/DeleteRange,
  // Lease/LeaseGrant, Lease/LeaseRevoke, Lease/LeaseKeepAlive.
  absl::StatusOr<std::string> Do(const std::string& method, const std::string& request);

  void AddWatch(const std::shared_ptr<FakeWatchStream>& stream);

  // As if its time had run out.
  void EndLease(int64_t id);

  // How many events went to watches.
  int64_t events_told() const;

 private:
  absl::StatusOr<std::string> Apply(const std::string& method, const std::string& request);
  template <typename Response, typename Request>
  absl::StatusOr<std::string> Write(const Request& request);
  absl::StatusOr<std::string> Range(const std::string& request);
  std::string KeepAlive(const std::string& request);

  mutable std::mutex mutex_;  // guards what follows
  server::StateMachine machine_;
  std::map<int64_t, int64_t> leases_;  // to the TTL that was granted
  int64_t last_lease_ = 0x1000;
  std::vector<Revision> history_;
  std::vector<std::weak_ptr<FakeWatchStream>> watches_;  // their clients own them
  int64_t events_told_ = 0;
};

// One client's way to the cluster. Thread-safe.
class FakeLink : public client::internal::Transport {
 public:
  enum class Fault {
    kNone,
    kAnswerLost,  // it happens, and no answer comes
    kHeld,        // no answer comes; it happens when the held are let go
    kNotSent,     // it surely does not happen
    kSilent,      // it does not happen, and only a cancellation ends it
  };

  FakeLink(std::shared_ptr<FakeCluster> cluster,
           std::shared_ptr<client::internal::Scheduler> scheduler);

  // What happens to the next calls of `method` ("KV/Txn") that write, in order.
  void Plan(const std::string& method, std::vector<Fault> faults);
  // Lets go of what was held. Whether there was something.
  bool LetGo();
  // Whether a call is open that is not answered.
  bool IsSilent();
  // Keep-alives get no answer from now on.
  void Silence();

  void Unary(client::internal::CallStart start, std::string request,
             std::function<void(client::internal::CallEnd)> done) override;
  std::shared_ptr<client::internal::Stream> OpenStream(
      client::internal::CallStart start, client::internal::StreamEvents events) override;

 private:
  Fault Next(const std::string& method, const std::string& request);

  const std::shared_ptr<FakeCluster> cluster_;
  const std::shared_ptr<client::internal::Scheduler> scheduler_;
  const std::shared_ptr<std::atomic<bool>> silent_ = std::make_shared<std::atomic<bool>>(false);
  std::mutex mutex_;  // guards what follows
  std::map<std::string, std::deque<Fault>> plan_;
  std::vector<std::pair<std::string, std::string>> held_;
  bool open_ = false;  // a silent call
};

// A client on a link.
struct FakeClient {
  explicit FakeClient(const std::shared_ptr<FakeCluster>& cluster);

  std::shared_ptr<FakeLink> link;
  std::unique_ptr<client::Client> client;
};

}  // namespace keelson::testing
