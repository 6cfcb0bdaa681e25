// A key of the caller's own under a common prefix, and the wait until no older one is left: what
// makes the holder of a lock and the leader of an election.
//
//   Start --> lease granted, if none is given --> key put, or found --> oldest? --yes--> answer
//                                                                        ^   |
//                        the key right before the own one is deleted ----+   no: watched
//
// Each waits for its predecessor alone, so that nobody is woken who is not next. The reads are this
// member's: what it has applied when the own key was put has all older ones.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "proto/etcd/rpc.pb.h"
#include "server/api/call.h"
#include "server/api/local_client.h"

namespace keelson::server {

// Loop thread only. Lives until it is answered or its caller is gone. A caller that goes away, and
// one that is answered with an error, leaves no key.
class Claim : public std::enable_shared_from_this<Claim> {
 public:
  struct Wish {
    std::string name;
    int64_t lease = 0;  // 0: one of kOwnLeaseSeconds, which nobody keeps alive
    std::string value;
    // Where the lease has its key already: put `value` there.
    bool change_value = false;
    // What is said where the own key has gone while older ones were waited for.
    absl::Status lost;
  };

  struct Held {
    std::string key;
    int64_t revision = 0;  // at which the key was created
    int64_t lease = 0;
    etcdserverpb::ResponseHeader put;   // of the answer to the put
    etcdserverpb::ResponseHeader last;  // of whatever was asked last
  };
  using Answer = std::function<void(Call& call, const Held& held)>;

  static constexpr int64_t kOwnLeaseSeconds = 60;

  // Calls `answer` once the key is the oldest; else `call` ends with an error. REQUIRES: the call's
  // events are not set; `client` outlives the claim.
  static void Start(LocalClient& client, std::shared_ptr<Call> call, Wish wish, Answer answer);

 private:
  Claim(LocalClient& client, std::shared_ptr<Call> call, Wish wish, Answer answer);

  void Begin();
  void PutKey();
  void OnPut(const etcdserverpb::TxnResponse& response);
  void ChangeValue();
  void LookForOlder();
  void WaitForEndOf(const std::string& key, int64_t revision);
  void OnWatched(const std::string& bytes);
  void CheckOwnKey();
  void Win();
  void Fail(const absl::Status& status);
  void OnCallerGone();
  void StopWatching();
  void Withdraw();

  LocalClient& client_;
  std::shared_ptr<Call> call_;  // null once it is over
  const LocalClient::Caller caller_;
  const Wish wish_;
  const Answer answer_;
  Held held_;
  bool waited_ = false;
  std::shared_ptr<LocalCall> watch_;
};

// The end of the keys that begin with `prefix`. REQUIRES: its last byte is not 0xff.
std::string PrefixEnd(std::string prefix);

// A read of the oldest key under `prefix`.
etcdserverpb::RangeRequest OldestKey(const std::string& prefix);

}  // namespace keelson::server
