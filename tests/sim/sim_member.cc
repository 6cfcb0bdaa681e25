#include "tests/sim/sim_member.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/check.h"
#include "raft/invariants.h"
#include "server/api/cluster_service.h"
#include "server/api/gate.h"
#include "server/api/kv_service.h"
#include "server/api/lease_service.h"
#include "server/api/watch_service.h"
#include "server/apply/errors.h"
#include "tests/sim/process_fs.h"

namespace keelson::sim {

// Destroyed from the last to the first.
struct SimMember::Process {
  Process(World& world, ProcessFs& view) : fs(view), loop(world), runner(loop, world.dice()) {}
  ~Process() { fs.Cut(); }
  ProcessFs& fs;  // the world keeps it: reads under way may outlive the process
  SimLoop loop;
  SimRunner runner;
  std::unique_ptr<server::Node> node;
  std::unique_ptr<SimPort> port;
  std::unique_ptr<server::Methods> methods;
  std::unique_ptr<server::KvService> kv;
  std::unique_ptr<server::LeaseService> lease;
  std::unique_ptr<server::ClusterService> cluster;
  std::unique_ptr<server::MaintenanceService> maintenance;
  std::unique_ptr<server::WatchService> watch;
  bool serving = false;
  raft::StateView last_view;
};

SimMember::SimMember(World& world, SimNetwork& network, server::NodeOptions options, Events events)
    : world_(world),
      network_(network),
      options_(std::move(options)),
      events_(std::move(events)),
      disk_([&world] { return world.dice().Next(); }),
      logger_(
          server::LogLevel::kInfo,
          [this](std::string_view line) {
            if (line.find("applied snapshot") != line.npos) ++snapshots_installed_;
            if (line.find("torn") != line.npos) ++torn_tails_;
            if (std::getenv("KEELSON_SIM_LOG") == nullptr) return;
            std::fprintf(stderr, "%s %.*s", options_.name.c_str(), static_cast<int>(line.size()),
                         line.data());
          },
          [&world] { return std::to_string(world.now().nanos / 1000); }),
      id_(server::MemberIdOf(options_.initial_cluster.at(options_.name),
                             options_.initial_cluster_token)) {}

SimMember::~SimMember() { Crash(); }

absl::Status SimMember::Start() {
  KEELSON_CHECK(process_ == nullptr, "one process at a time");
  ++starts_;
  auto view = std::make_shared<ProcessFs>(disk_);
  world_.Keep(view);
  auto process = std::make_unique<Process>(world_, *view);
  server::NodeSeams seams;
  seams.loop = &process->loop;
  seams.runner = &process->runner;
  seams.random = [this] { return world_.dice().Next(); };
  seams.fs = &process->fs;
  seams.store_fs = &process->fs;
  seams.logger = &logger_;
  seams.on_applied = [this](std::span<const storage::Change> changes) {
    if (events_.on_applied) events_.on_applied(*this, changes);
  };
  server::Node::Events node_events;
  Process* raw = process.get();
  node_events.on_ready = [raw] { raw->serving = true; };
  node_events.on_fatal = [this](const absl::Status& status) {
    last_fatal_ = std::string(status.message());
    if (events_.on_fatal) events_.on_fatal(*this, status);
  };
  auto node = server::Node::Open(options_, std::move(seams), std::move(node_events));
  if (!node.ok()) return node.status();
  process->node = *std::move(node);
  process_ = std::move(process);
  Process& p = *process_;
  p.methods = std::make_unique<server::Methods>(
      [raw](const server::CallContext& context) { return server::CheckCall(*raw->node, context); });
  p.kv = std::make_unique<server::KvService>(*p.node);
  p.lease = std::make_unique<server::LeaseService>(*p.node);
  p.cluster = std::make_unique<server::ClusterService>(*p.node);
  p.maintenance = std::make_unique<server::MaintenanceService>(*p.node);
  server::WatchService::Hooks hooks;
  hooks.has_leader = [raw] { return raw->node->HasLeader(); };
  p.watch = std::make_unique<server::WatchService>(p.node->watches(), std::move(hooks));
  p.kv->AddTo(*p.methods);
  p.lease->AddTo(*p.methods);
  p.cluster->AddTo(*p.methods);
  p.maintenance->AddTo(*p.methods);
  const server::Method watch = p.watch->WatchMethod();
  p.methods->Add(watch.path, watch.kind, watch.start);
  p.port = std::make_unique<SimPort>(network_, id_, p.loop);
  p.last_view = p.node->core().View();
  p.node->Start(p.port.get());
  p.loop.OnTurnEnd([this] {
    if (process_ == nullptr) return;
    process_->node->EndTurn();
    CheckInvariants();
  });
  return absl::OkStatus();
}

void SimMember::CheckInvariants() {
  raft::StateView view = process_->node->core().View();
  for (const absl::Status& status :
       {raft::CheckState(view), raft::CheckTransition(process_->last_view, view)}) {
    if (status.ok()) continue;
    std::fprintf(stderr, "%s: %s\n", options_.name.c_str(), status.ToString().c_str());
    KEELSON_CHECK(false, "an invariant of Raft holds");
  }
  process_->last_view = std::move(view);
}

void SimMember::End() {
  paused_ = false;
  process_.reset();
}

void SimMember::Crash() {
  if (process_ == nullptr) return;
  process_->fs.Cut();  // first: the ending process must not write any more
  disk_.Crash();
  End();
}

void SimMember::PowerLoss() {
  ++power_losses_;
  if (process_) process_->fs.Cut();
  disk_.PowerLoss();
  End();
}

void SimMember::Pause() {
  paused_ = true;
  process_->loop.Pause();
}

void SimMember::Resume() {
  if (!std::exchange(paused_, false)) return;
  process_->loop.Resume();
}

void SimMember::SetSlowDisk(Duration extra) {
  if (process_) process_->runner.SetSlowness(extra);
}

server::Node& SimMember::node() { return *process_->node; }
SimLoop& SimMember::loop() { return process_->loop; }

std::shared_ptr<FakeCall> SimMember::Call(const std::string& method, const std::string& request,
                                          std::function<void(const std::string&)> on_send,
                                          std::function<void(const absl::Status&)> on_finish) {
  if (process_ == nullptr || !process_->serving) return nullptr;
  // As on a connection, the client hears of an answer later, never from inside Send or Finish.
  constexpr Duration kOnTheWay = std::chrono::microseconds(20);
  auto later_send = [this, on_send = std::move(on_send)](const std::string& bytes) {
    if (on_send) world_.After(kOnTheWay, [on_send, bytes] { on_send(bytes); });
  };
  auto later_finish = [this, on_finish = std::move(on_finish)](const absl::Status& status) {
    if (on_finish) world_.After(kOnTheWay, [on_finish, status] { on_finish(status); });
  };
  auto call = std::make_shared<FakeCall>(method, std::move(later_send), std::move(later_finish));
  const server::Method* found = process_->methods->Find(method);
  KEELSON_CHECK(found != nullptr, "the method exists");
  process_->loop.Post([found, call, request] { found->start(call, request); });
  return call;
}

}  // namespace keelson::sim
