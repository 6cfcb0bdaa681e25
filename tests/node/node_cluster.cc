#include "tests/node/node_cluster.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "raft/core.h"

namespace keelson::testing {

server::NodeOptions NodeCluster::SmallOptions() {
  server::NodeOptions options;
  options.wal_segment_bytes = 64 << 10;
  options.flush_after_bytes = 32 << 10;
  options.keep_log_entries = 20;
  options.keep_log_bytes = 128 << 10;
  options.disk_reserve_bytes = 256 << 10;
  options.block_cache_bytes = 64 << 10;
  options.manual_background = true;
  options.probe_sync_method = false;
  return options;
}

NodeCluster::NodeCluster(size_t count, server::NodeOptions options, uint64_t random, size_t running)
    : options_(std::move(options)), world_(random), network_(world_) {
  for (size_t i = 0; i < count; ++i) {
    options_.initial_cluster[absl::StrCat("m", i)] = {absl::StrCat("http://node:", i)};
  }
  for (size_t i = 0; i < count; ++i) {
    SimMember& made = MakeMember(options_);
    if (i >= running) continue;
    const absl::Status started = made.Start();
    EXPECT_TRUE(started.ok()) << started;
  }
}

SimMember::Events NodeCluster::MemberEvents() {
  SimMember::Events events;
  events.on_applied = [](SimMember&, std::span<const storage::Change>) {};
  events.on_turn = [](SimMember&, const raft::StateView&, const raft::StateView&) {};
  events.on_work_done = [](SimMember&, server::Runner::Lane) {};
  events.on_end = [](SimMember&) {};
  events.on_log = [this](SimMember& member, std::string_view line) {
    log_[member.name()].emplace_back(line);
  };
  events.on_fatal = [this](SimMember& member, const absl::Status& status) {
    fatals_.push_back(absl::StrCat(member.options().name, ": ", status.message()));
  };
  return events;
}

SimMember& NodeCluster::MakeMember(server::NodeOptions options) {
  const size_t index = members_.size();
  options.name = absl::StrCat("m", index);
  options.data_dir = "/" + options.name;
  options.client_urls = {absl::StrCat("http://client:", index)};
  members_.push_back(
      std::make_unique<SimMember>(world_, network_, std::move(options), MemberEvents()));
  return *members_.back();
}

size_t NodeCluster::Join(raft::NodeId id, const std::string& url) {
  const size_t index = members_.size();
  server::NodeOptions options = options_;
  options.initial_cluster_existing = true;
  options.joined = server::NodeOptions::Joined{
      server::ClusterIdOf(options_.initial_cluster, options_.initial_cluster_token), id};
  options.initial_cluster[absl::StrCat("m", index)] = {url};
  const absl::Status started = MakeMember(std::move(options)).Start();
  EXPECT_TRUE(started.ok()) << started;
  return index;
}

std::vector<std::string> NodeCluster::LogLines(size_t index, const std::string& text) const {
  std::vector<std::string> found;
  const auto lines = log_.find(members_[index]->name());
  if (lines == log_.end()) return found;
  for (const std::string& line : lines->second) {
    if (line.find(text) != std::string::npos) found.push_back(line);
  }
  return found;
}

bool NodeCluster::RunUntil(const std::function<bool()>& condition, Duration limit) {
  world_.RunUntil(world_.now() + limit, condition);
  return condition();
}

size_t NodeCluster::WaitForLeader() {
  size_t leader = 0;
  const bool found = RunUntil([&] {
    std::optional<raft::NodeId> known;
    for (const auto& member : members_) {
      if (!member->up()) continue;
      const raft::NodeId here = member->node().core().leader();
      if (here.IsNone() || here != known.value_or(here)) return false;
      known = here;
    }
    for (size_t i = 0; i < members_.size(); ++i) {
      if (!members_[i]->up() || !members_[i]->node().core().IsLeader()) continue;
      leader = i;
      return known == members_[i]->id();
    }
    return false;
  });
  EXPECT_TRUE(found) << "no leader";
  return leader;
}

bool NodeCluster::WaitForRest() {
  return RunUntil([this] {
    raft::Index applied;
    for (const auto& member : members_) {
      if (!member->up()) continue;
      const server::NodeStatus status = member->node().status();
      if (status.leader.IsNone() || status.applied != status.last) return false;
      if (!applied.IsNone() && applied != status.applied) return false;
      applied = status.applied;
    }
    return true;
  });
}

Outcome NodeCluster::Call(size_t index, const std::string& method,
                          const google::protobuf::Message& request, Duration limit,
                          const sim::FakeCall::Metadata& metadata) {
  // Outlives this call if no answer comes in time.
  struct Answer {
    bool over = false;
    std::string bytes;
    absl::Status status;
  };
  auto answer = std::make_shared<Answer>();
  std::shared_ptr<sim::FakeCall> call;
  const server::Instant began = world_.now();
  RunUntil([&] {
    if (call != nullptr) return true;
    call = members_[index]->Call(
        method, request.SerializeAsString(),
        [answer](const std::string& bytes) { answer->bytes = bytes; },
        [answer](const absl::Status& status) {
          answer->over = true;
          answer->status = status;
        },
        metadata);
    return call != nullptr;
  });
  Outcome outcome;
  outcome.status = absl::UnknownError("no answer");
  RunUntil([&] { return answer->over; }, limit);
  outcome.took = world_.now() - began;
  if (!answer->over) return outcome;
  outcome.status = answer->status;
  outcome.bytes = std::move(answer->bytes);
  outcome.metadata = call->answer_metadata();
  return outcome;
}

Outcome NodeCluster::Put(size_t index, const std::string& key, const std::string& value) {
  etcdserverpb::PutRequest request;
  request.set_key(key);
  request.set_value(value);
  return Call(index, "/etcdserverpb.KV/Put", request);
}

Outcome NodeCluster::Delete(size_t index, const std::string& key, const std::string& end) {
  etcdserverpb::DeleteRangeRequest request;
  request.set_key(key);
  request.set_range_end(end);
  return Call(index, "/etcdserverpb.KV/DeleteRange", request);
}

Outcome NodeCluster::Compact(size_t index, int64_t revision) {
  etcdserverpb::CompactionRequest request;
  request.set_revision(revision);
  return Call(index, "/etcdserverpb.KV/Compact", request);
}

std::string NodeCluster::Get(size_t index, const std::string& key, bool serializable) {
  etcdserverpb::RangeRequest request;
  request.set_key(key);
  request.set_serializable(serializable);
  const Outcome outcome = Call(index, "/etcdserverpb.KV/Range", request);
  if (!outcome.ok()) return absl::StrCat("!", outcome.status.ToString());
  etcdserverpb::RangeResponse response;
  EXPECT_TRUE(response.ParseFromString(outcome.bytes));
  return response.kvs().empty() ? "-" : response.kvs(0).value();
}

std::string NodeCluster::Alarms(size_t index) {
  const Outcome outcome =
      Call(index, "/etcdserverpb.Maintenance/Alarm", etcdserverpb::AlarmRequest());
  etcdserverpb::AlarmResponse response;
  EXPECT_TRUE(outcome.ok()) << outcome.status;
  EXPECT_TRUE(response.ParseFromString(outcome.bytes));
  std::vector<std::string> alarms;
  for (const auto& alarm : response.alarms()) {
    for (size_t i = 0; i < members_.size(); ++i) {
      if (members_[i]->id().value() != alarm.memberid()) continue;
      alarms.push_back(absl::StrCat(i, ":", etcdserverpb::AlarmType_Name(alarm.alarm())));
    }
  }
  std::sort(alarms.begin(), alarms.end());
  return absl::StrJoin(alarms, " ");
}

bool NodeCluster::WaitForAlarms(size_t index, const std::string& alarms) {
  const server::Instant give_up = world_.now() + std::chrono::seconds(5);
  while (world_.now() < give_up) {
    if (Alarms(index) == alarms) return true;
    RunFor(std::chrono::milliseconds(20));
  }
  return false;
}

}  // namespace keelson::testing
