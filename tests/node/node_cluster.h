// Whole nodes on simulated time, network and disks, called through their handlers: for tests that
// say what happens when.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "proto/etcd/rpc.pb.h"
#include "server/node/node.h"
#include "tests/sim/sim_member.h"
#include "tests/sim/sim_network.h"
#include "tests/sim/world.h"

namespace keelson::testing {

using server::Duration;
using sim::SimMember;

// What a unary call came to.
struct Outcome {
  absl::Status status;
  std::string bytes;                 // of the answer
  sim::FakeCall::Metadata metadata;  // of the answer
  Duration took{};                   // simulated
  bool ok() const { return status.ok(); }
};

class NodeCluster {
 public:
  // Options of a member that fit a small simulated disk.
  static server::NodeOptions SmallOptions();

  // Starts `count` members (of them the first `running`) with `options` (name and directory are
  // filled in). `random` is the seed of everything.
  explicit NodeCluster(size_t count, server::NodeOptions options = SmallOptions(),
                       uint64_t random = 1, size_t running = SIZE_MAX);

  // Starts one more member, which was added under `id` with `url`; its index.
  size_t Join(raft::NodeId id, const std::string& url);

  SimMember& member(size_t index) { return *members_[index]; }
  server::Node& node(size_t index) { return members_[index]->node(); }
  size_t size() const { return members_.size(); }
  sim::World& world() { return world_; }
  sim::SimNetwork& network() { return network_; }

  void RunFor(Duration time) { world_.RunUntil(world_.now() + time); }
  // Whether `condition` held within `limit`.
  bool RunUntil(const std::function<bool()>& condition, Duration limit = std::chrono::seconds(20));
  // The index of the leader that all running members know; runs until there is one.
  size_t WaitForLeader();
  // Whether everything appended is applied on all running members.
  bool WaitForRest();

  // Runs until the answer is there, at most `limit`; Unknown("no answer") after that.
  Outcome Call(size_t index, const std::string& method, const google::protobuf::Message& request,
               Duration limit = std::chrono::seconds(20),
               const sim::FakeCall::Metadata& metadata = {});
  Outcome Put(size_t index, const std::string& key, const std::string& value);
  Outcome Delete(size_t index, const std::string& key, const std::string& end = "");
  Outcome Compact(size_t index, int64_t revision);
  // The value of a key, or "-"; "!" and the error where the read fails.
  std::string Get(size_t index, const std::string& key, bool serializable = false);
  // "member-index:KIND" of each alarm that clients are shown, sorted, with spaces.
  std::string Alarms(size_t index);
  // Whether they became `alarms` within five seconds.
  bool WaitForAlarms(size_t index, const std::string& alarms);

  // The log lines of a member that contain `text`.
  std::vector<std::string> LogLines(size_t index, const std::string& text) const;

  // Errors that ended members.
  const std::vector<std::string>& fatals() const { return fatals_; }

 private:
  SimMember::Events MemberEvents();
  SimMember& MakeMember(server::NodeOptions options);

  server::NodeOptions options_;
  sim::World world_;
  sim::SimNetwork network_;
  std::vector<std::string> fatals_;
  std::map<std::string, std::vector<std::string>> log_;  // by member
  std::vector<std::unique_ptr<SimMember>> members_;
};

}  // namespace keelson::testing
