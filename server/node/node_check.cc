// What the member does about damaged and differing states: finds them, names them, and keeps a
// member whose state is wrong out of service (README, "When a state is wrong").
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/view.h"
#include "server/apply/errors.h"
#include "server/node/node_impl.h"

namespace keelson::server {
namespace {

constexpr std::string_view kCaller = "server/node";

// Files are read so many bytes at once, but whole, and so many in a second.
constexpr uint64_t kVerifyBytes = 8 << 20;
constexpr uint64_t kVerifyRate = 16 << 20;

Duration PauseAfter(uint64_t bytes) {
  return std::chrono::milliseconds(std::max(bytes, kVerifyBytes) * 1000 / kVerifyRate);
}

// Whether the disk gave nothing, not other bytes. The store's errors carry RocksDB's words.
bool IsReadError(const absl::Status& status) {
  return absl::StrContains(status.message(), "IO error: ");
}

}  // namespace

void Node::Impl::MakeStateCheck() {
  StateCheck::Environment environment;
  environment.loop = seams.loop;
  environment.runner = seams.runner;
  environment.self = identity.member;
  environment.boot_id = boot_id;
  environment.view = [this] { return machine->store().View(); };
  environment.send = [this](raft::NodeId to, PeerMessage message) {
    if (network == nullptr || stopped_) return false;
    peers_wait_ = true;
    return network->Send(to, std::move(message));
  };
  environment.configuration = [this]() -> const raft::Configuration& {
    return core->committed_configuration();
  };
  environment.on_difference = [this](const std::vector<raft::NodeId>& wrong) {
    OnDifference(wrong);
  };
  environment.on_damage = [this](const absl::Status& status) { OnDamage(status); };
  StateCheck::Limits limits;
  limits.walk = options.corrupt_check_time;
  state_check = std::make_unique<StateCheck>(std::move(environment), limits);
}

void Node::Impl::TickCheck(Instant now) {
  state_check->Tick(now, caught_up_ && core->IsLeader() && core->HasQuorumContact());
  VerifyFiles(now);
  TellOwnDamage();
}

void Node::Impl::VerifyFiles(Instant now) {
  if (options.corrupt_check_time == Duration(0) || verifying_ || damaged_ || now < verify_due_) {
    return;
  }
  verifying_ = true;
  std::shared_ptr<storage::VerifyJob> job =
      machine->store().StartVerify(verify_next_, kVerifyBytes);
  auto status = std::make_shared<absl::Status>();
  seams.runner->Run(
      Runner::Lane::kStore, [job, status] { *status = job->Run(); },
      [this, alive = std::weak_ptr<char>(alive_), job, status, generation = generation_] {
        if (alive.expired() || stopped_) return;
        verifying_ = false;
        verify_next_ = generation == generation_ ? job->next() : 0;
        const Duration pause = PauseAfter(job->bytes());
        verify_due_ = seams.loop->Now() +
                      (verify_next_ == 0 ? std::max(options.corrupt_check_time, pause) : pause);
        if (absl::IsDataLoss(*status) && generation == generation_) OnDamage(*status);
      });
}

void Node::Impl::OnDamage(const absl::Status& status) {
  if (damaged_ || stopped_) return;
  if (IsReadError(status)) return Fatal(status);
  damaged_ = true;
  seams.logger->Error(
      kCaller, "this member's data is damaged",
      {{"member", Hex(identity.member.value())}, {"error", ToStd(status.message())}});
  LeaveServiceIfCorrupt();
  TellOwnDamage();
}

// Until the cluster knows it.
void Node::Impl::TellOwnDamage() {
  if (damaged_ && caught_up_) RaiseCorrupt(identity.member);
}

void Node::Impl::OnDifference(const std::vector<raft::NodeId>& wrong) {
  const ClusterFacts& facts = machine->facts();
  for (const raft::NodeId member : wrong) {
    if (facts.HasAlarm(member.value(), AlarmKind::kCorrupt)) continue;
    seams.logger->Error(kCaller, "a member's state differs from that of a quorum",
                        {{"member", Hex(member.value())}});
    RaiseCorrupt(member);
  }
  if (!wrong.empty() || facts.HasAlarm(0, AlarmKind::kCorrupt)) return;
  seams.logger->Error(kCaller,
                      "the members' states differ, and no quorum agrees: nobody can tell which is "
                      "right. Writes are refused. Keep the member whose data is right (kvctl "
                      "endpoint hashkv tells them apart), replace the others, then clear the alarm "
                      "(kvctl alarm disarm)");
  RaiseCorrupt(raft::NodeId());
}

void Node::Impl::RaiseCorrupt(raft::NodeId member) {
  if (telling_corrupt_ || machine->facts().HasAlarm(member.value(), AlarmKind::kCorrupt)) return;
  telling_corrupt_ = true;
  Write(WriteKind::kAlarm, AlarmEntry(true, member.value(), AlarmKind::kCorrupt),
        [this](const ApplyResult&) { telling_corrupt_ = false; });
  seams.loop->Post([] {});  // the turn's proposals may have gone already
}

bool Node::Impl::OutOfService() const {
  return damaged_ || machine->facts().IsOutOfService(identity.member.value());
}

void Node::Impl::LeaveServiceIfCorrupt() {
  if (std::exchange(left_service_, OutOfService()) || !left_service_) return;
  const std::string id = Hex(identity.member.value());
  seams.logger->Error(
      kCaller,
      absl::StrCat("this member's data is corrupt: it serves no client any more, its vote and its "
                   "log count on. Remove it (kvctl member remove ",
                   id, "), empty --data-dir ", options.data_dir,
                   ", and add it as a new member (kvctl member add)"));
  watches->EndAll(errors::Corrupt());
}

}  // namespace keelson::server
