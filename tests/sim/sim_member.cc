#include "tests/sim/sim_member.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/check.h"
#include "server/api/cluster_service.h"
#include "server/api/election_service.h"
#include "server/api/fresh_reads.h"
#include "server/api/gate.h"
#include "server/api/kv_service.h"
#include "server/api/lease_service.h"
#include "server/api/local_client.h"
#include "server/api/lock_service.h"
#include "server/api/maintenance_service.h"
#include "server/api/watch_service.h"
#include "server/apply/errors.h"
#include "tests/sim/process_fs.h"

namespace keelson::sim {
namespace {

void PrintLog(const std::string& member, std::string_view line) {
  static const bool wanted = std::getenv("KEELSON_SIM_LOG") != nullptr;
  if (!wanted) return;
  std::fprintf(stderr, "%s %.*s", member.c_str(), static_cast<int>(line.size()), line.data());
}

// Half of the clocks are as wrong as they may be.
int64_t DrawClock(Dice& dice) {
  constexpr int64_t kMost = SimMember::kClockPpm;
  if (dice.OneIn(2)) return dice.OneIn(2) ? kMost : -kMost;
  return static_cast<int64_t>(dice.Below(2 * kMost + 1)) - kMost;
}

}  // namespace

// Destroyed from the last to the first.
struct SimMember::Process {
  Process(World& world, ProcessFs& view, int64_t clock_ppm)
      : fs(view), loop(world, clock_ppm), runner(loop, world.dice()) {}
  ~Process() { fs.Cut(); }
  ProcessFs& fs;  // the world keeps it: reads under way may outlive the process
  SimLoop loop;
  SimRunner runner;
  std::unique_ptr<server::Node> node;
  std::unique_ptr<SimPort> port;
  std::unique_ptr<server::Methods> methods;
  std::unique_ptr<server::FreshReads> fresh;
  std::unique_ptr<server::KvService> kv;
  std::unique_ptr<server::LeaseService> lease;
  std::unique_ptr<server::ClusterService> cluster;
  std::unique_ptr<server::MaintenanceService> maintenance;
  std::unique_ptr<server::WatchService> watch;
  std::unique_ptr<server::LocalClient> local;
  std::unique_ptr<server::LockService> lock;
  std::unique_ptr<server::ElectionService> election;
  std::vector<std::weak_ptr<FakeCall>> calls;  // some of them over
  uint64_t calls_made = 0;
  bool serving = false;
  raft::StateView last_view;
};

SimMember::SimMember(World& world, SimNetwork& network, server::NodeOptions options, Events events)
    : world_(world),
      network_(network),
      options_(std::move(options)),
      events_(std::move(events)),
      disk_(std::make_shared<storage::FaultyFileSystem>([&world] { return world.dice().Next(); })),
      logger_(
          server::LogLevel::kInfo,
          [this](std::string_view line) {
            PrintLog(options_.name, line);
            if (events_.on_log) events_.on_log(*this, line);
          },
          [&world] { return std::to_string(world.now().nanos / 1000); }),
      id_(options_.joined ? options_.joined->member
                          : server::MemberIdOf(options_.initial_cluster.at(options_.name),
                                               options_.initial_cluster_token)),
      clock_ppm_(DrawClock(world.dice())) {
  world_.Keep(disk_);
}

SimMember::~SimMember() { Crash(); }

absl::Status SimMember::Start() {
  KEELSON_CHECK(process_ == nullptr && !retired_, "one process at a time");
  ++starts_;
  auto view = std::make_shared<ProcessFs>(*disk_);
  world_.Keep(view);
  auto process = std::make_unique<Process>(world_, *view, clock_ppm_);
  Process* const raw = process.get();
  server::NodeSeams seams;
  seams.loop = &process->loop;
  seams.runner = &process->runner;
  seams.random = [this] { return world_.dice().Next(); };
  seams.fs = &process->fs;
  seams.store_fs = &process->fs;
  seams.logger = &logger_;
  seams.on_applied = [this](std::span<const storage::Change> changes) {
    events_.on_applied(*this, changes);
  };
  server::Node::Events node_events;
  node_events.on_ready = [raw] { raw->serving = true; };
  node_events.on_fatal = [this](const absl::Status& status) { events_.on_fatal(*this, status); };
  auto node = server::Node::Open(options_, std::move(seams), std::move(node_events));
  if (!node.ok()) return node.status();
  process->node = *std::move(node);
  process_ = std::move(process);
  AddServices(*raw);
  server::PeerHello hello;
  hello.id = id_;
  hello.incarnation = raw->node->identity().incarnation;
  hello.process_nonce = raw->node->boot_id();
  hello.entry_version = options_.entry_version;
  hello.peer_urls = options_.initial_cluster.at(options_.name);
  raw->port = std::make_unique<SimPort>(network_, std::move(hello), raw->loop);
  raw->runner.OnWorkDone([this](server::Runner::Lane lane) { events_.on_work_done(*this, lane); });
  view->OnRenamed(options_.data_dir + "/member/db/CURRENT", [this] {
    if (events_.on_store_switched) events_.on_store_switched(*this);
  });
  raw->last_view = raw->node->core().View();
  raw->node->Start(raw->port.get());
  raw->loop.OnTurnEnd([this] { EndTurn(); });
  return absl::OkStatus();
}

void SimMember::AddServices(Process& p) {
  Process* const raw = &p;
  p.methods = std::make_unique<server::Methods>(
      [raw](const server::CallContext& context, server::Right right) {
        return server::CheckCall(*raw->node, context, right);
      });
  p.kv = std::make_unique<server::KvService>(*p.node);
  p.lease = std::make_unique<server::LeaseService>(*p.node);
  p.cluster = std::make_unique<server::ClusterService>(*p.node);
  p.maintenance = std::make_unique<server::MaintenanceService>(*p.node);
  p.watch = std::make_unique<server::WatchService>(p.node->watches());
  p.local = std::make_unique<server::LocalClient>(*p.methods, p.loop);
  p.lock = std::make_unique<server::LockService>(*p.local);
  p.election = std::make_unique<server::ElectionService>(*p.local);
  p.kv->AddTo(*p.methods);
  p.lease->AddTo(*p.methods);
  p.cluster->AddTo(*p.methods);
  p.maintenance->AddTo(*p.methods);
  p.lock->AddTo(*p.methods);
  p.election->AddTo(*p.methods);
  const server::Method watch = p.watch->WatchMethod();
  p.methods->Add(watch.path, watch.kind, watch.start);
  p.fresh = std::make_unique<server::FreshReads>(*p.node);
  p.fresh->Extend(*p.methods);
}

void SimMember::EndTurn() {
  if (process_ == nullptr) return;
  Process* const process = process_.get();
  process->node->EndTurn();
  raft::StateView view = process->node->core().View();
  const raft::StateView before = std::exchange(process->last_view, view);
  events_.on_turn(*this, before, view);
}

// The process ends in the middle of its jobs: some of their writes reach the disk, in part.
void SimMember::BreakOff() {
  events_.on_end(*this);
  if (world_.dice().OneIn(2)) {
    disk_->CutPowerAfter(world_.dice().Below(6));
    process_->runner.RunWhatIsUnderWay();
  }
  process_->fs.Cut();  // first: the ending process must not write any more
  for (const auto& weak : process_->calls) {
    if (const auto call = weak.lock()) call->Abandon();
  }
}

void SimMember::Crash() {
  if (process_ == nullptr) return;
  BreakOff();
  disk_->Crash();
  paused_ = false;
  process_.reset();
}

void SimMember::PowerLoss() {
  ++power_losses_;
  if (process_) BreakOff();
  disk_->PowerLoss();
  paused_ = false;
  process_.reset();
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

void SimMember::Wipe() {
  KEELSON_CHECK(process_ == nullptr, "a running process has its disk");
  wiped_ = true;
  ++power_losses_;
  lost_disks_.push_back(disk_->counters());
  disk_ = std::make_shared<storage::FaultyFileSystem>([this] { return world_.dice().Next(); });
  world_.Keep(disk_);
}

void SimMember::Retire() {
  retired_ = true;
  Crash();
}

server::Node& SimMember::node() { return *process_->node; }
SimLoop& SimMember::loop() { return process_->loop; }

std::shared_ptr<FakeCall> SimMember::Call(const std::string& method, const std::string& request,
                                          std::function<void(const std::string&)> on_send,
                                          std::function<void(const absl::Status&)> on_finish,
                                          const FakeCall::Metadata& metadata) {
  if (process_ == nullptr || !process_->serving) return nullptr;
  // As on a connection, the client hears of an answer later, never from inside Send or Finish.
  auto later_send = [this, on_send = std::move(on_send)](const std::string& bytes) {
    if (on_send) world_.After(kOnTheWay, [on_send, bytes] { on_send(bytes); });
  };
  auto later_finish = [this, on_finish = std::move(on_finish)](const absl::Status& status) {
    if (on_finish) world_.After(kOnTheWay, [on_finish, status] { on_finish(status); });
  };
  auto call = std::make_shared<FakeCall>(method, std::move(later_send), std::move(later_finish));
  call->SetMetadata(metadata);
  if (++process_->calls_made % 256 == 0) {
    std::erase_if(process_->calls, [](const auto& weak) { return weak.expired(); });
  }
  process_->calls.push_back(call);
  const server::Method* found = process_->methods->Find(method);
  KEELSON_CHECK(found != nullptr, "the method exists");
  process_->loop.TurnAt(
      world_.now(), [found, call, request] { found->start(call, request); },
      SimLoop::Source::kClients);
  return call;
}

}  // namespace keelson::sim
