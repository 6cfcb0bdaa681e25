// v3electionpb.Election/Observe: tells who leads, each new value, and each next leader.
//
//   Start --> Look --a leader--> told --> Follow its key --deleted--> Look
//              |                             ^
//              +--none--> AwaitFirst --put---+
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "proto/etcd/rpc.pb.h"
#include "server/api/call.h"
#include "server/api/local_client.h"

namespace keelson::server {

// Loop thread only. Lives until its call is over. Where the client is slow, values that follow one
// another wait in the history, none is left out.
class LeaderObserver : public std::enable_shared_from_this<LeaderObserver> {
 public:
  // REQUIRES: the call's events are not set; `client` outlives the call.
  static void Start(LocalClient& client, std::shared_ptr<Call> call, const std::string& name);

 private:
  LeaderObserver(LocalClient& client, std::shared_ptr<Call> call, const std::string& name);

  void Begin();
  void Look();
  void OnLooked(const etcdserverpb::RangeResponse& response);
  void AwaitFirst(int64_t revision);
  void Follow(const std::string& key, int64_t revision);
  void Watch(etcdserverpb::WatchCreateRequest create);
  void OnWatched(const std::string& bytes);
  void Tell(const etcdserverpb::ResponseHeader& header, const mvccpb::KeyValue& pair);
  void StopWatching();
  void End(const absl::Status& status);

  LocalClient& client_;
  std::shared_ptr<Call> call_;  // null once it is over
  const LocalClient::Caller caller_;
  const std::string prefix_;
  std::shared_ptr<LocalCall> watch_;
  std::string followed_;                  // key of the leader; empty where none is known
  std::pair<std::string, int64_t> told_;  // key and revision of the last value
};

}  // namespace keelson::server
