#include "server/kvd/kvd.h"

#include <algorithm>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/view.h"
#include "server/api/call_times.h"
#include "server/api/cluster_service.h"
#include "server/api/election_service.h"
#include "server/api/fresh_reads.h"
#include "server/api/gate.h"
#include "server/api/health_service.h"
#include "server/api/kv_service.h"
#include "server/api/lease_service.h"
#include "server/api/local_client.h"
#include "server/api/lock_service.h"
#include "server/api/maintenance_service.h"
#include "server/api/methods.h"
#include "server/api/reflection_service.h"
#include "server/api/watch_service.h"
#include "server/apply/errors.h"
#include "server/kvd/debug_vars.h"
#include "server/kvd/http_side.h"
#include "server/kvd/initial_cluster.h"
#include "server/kvd/join.h"
#include "server/kvd/metrics.h"
#include "server/kvd/observed.h"
#include "server/kvd/service_manager.h"
#include "server/log/log_output.h"
#include "server/log/logger.h"
#include "server/log/rate_limit.h"
#include "server/loop/asio_loop.h"
#include "server/loop/system_random.h"
#include "server/loop/thread_runner.h"
#include "server/node/node.h"
#include "server/peer/asio_peer_network.h"
#include "server/rpc/front_end.h"
#include "storage/fs/posix_fs.h"

namespace keelson::server {
namespace {

constexpr std::string_view kCaller = "server/kvd";

LogLevel LevelOf(const std::string& text) {
  LogLevel level = LogLevel::kInfo;
  ParseLogLevel(text, &level);
  return level;
}

FrontEndOptions FrontEndOptionsOf(const KvdFlags& flags) {
  const auto millis = [](KvdFlags::Time time) {
    return std::chrono::ceil<std::chrono::milliseconds>(time);
  };
  FrontEndOptions options;
  options.wall_clock = [] { return std::chrono::system_clock::now(); };
  options.max_receive_message_bytes = flags.max_request_bytes + (512 << 10);
  options.max_http_body_bytes = 2 * options.max_receive_message_bytes;
  options.max_concurrent_streams =
      static_cast<uint32_t>(std::min<int64_t>(flags.max_concurrent_streams, UINT32_MAX));
  options.keepalive_min_time = millis(flags.grpc_keepalive_min_time);
  options.keepalive_timeout = millis(flags.grpc_keepalive_timeout);
  // Like etcd: 0 is never.
  constexpr auto kNever = std::chrono::hours(24 * 365 * 100);
  options.keepalive_interval =
      flags.grpc_keepalive_interval.count() == 0 ? kNever : millis(flags.grpc_keepalive_interval);
  return options;
}

}  // namespace

// Members are destroyed from the last to the first: each uses only those above it.
class Kvd::Impl {
 public:
  Impl(const KvdFlags& flags, uint32_t entry_version)
      : flags_(flags),
        entry_version_(entry_version),
        logger_(
            LevelOf(flags.log_level), [this](std::string_view line) { WriteLog(line); }, LogTimeNow,
            flags.log_format == "console" ? LogFormat::kConsole : LogFormat::kJson),
        loop_(LoopOptions()),
        runner_(loop_),
        random_(MakeSystemRandom()),
        signals_(loop_.context()) {}

  ~Impl() {
    front_end_.reset();
    runner_.Stop();
  }

  absl::Status Open() {
    auto log = LogOutputs::Open(flags_.log_outputs);
    if (!log.ok()) return log.status();
    log_ = *std::move(log);
    for (const std::string& warning : flags_.warnings) logger_.Warn(kCaller, warning);
    auto options = NodeOptionsOf(flags_);
    if (!options.ok()) return options.status();
    options->entry_version = entry_version_;
    if (auto status = JoinIfFresh(&*options); !status.ok()) return status;
    runner_.Start();
    NodeSeams seams;
    seams.loop = &loop_;
    seams.runner = &runner_;
    seams.random = random_;
    seams.fs = &fs_;
    seams.logger = &logger_;
    seams.on_applied = [this](auto changes) { observed_.OnApplied(changes); };
    Node::Events events;
    events.on_fatal = [this](const absl::Status& status) { Quit(status); };
    events.on_ready = [this] { loop_.Post([this] { Serve(); }); };
    auto node = Node::Open(*options, std::move(seams), std::move(events));
    if (!node.ok()) return node.status();
    node_ = *std::move(node);
    MakeServices();
    if (auto status = StartNode(); !status.ok()) return status;
    CatchSignals();
    return absl::OkStatus();
  }

  absl::Status Run() {
    loop_.Run();
    return result_;
  }

 private:
  // A member that joins has to know who it is before it opens its directory.
  absl::Status JoinIfFresh(NodeOptions* options) {
    if (!options->initial_cluster_existing) return absl::OkStatus();
    const auto known = HasIdentity(fs_, *options);
    if (!known.ok() || *known) return known.status();
    constexpr int kRounds = 10;
    absl::StatusOr<NodeOptions::Joined> self = absl::UnavailableError("");
    for (int round = 0; round < kRounds && !self.ok(); ++round) {
      if (round > 0) asio::steady_timer(loop_.context(), std::chrono::milliseconds(300)).wait();
      self = AskWhoIAm(*options, [](const std::string& url) -> absl::StatusOr<ClusterMembers> {
        const auto parsed = ParsePeerUrl(url);
        if (!parsed.ok()) return parsed.status();
        return AskForMembers(*parsed, std::chrono::seconds(1));
      });
    }
    if (!self.ok()) return self.status();
    options->joined = *self;
    logger_.Info(kCaller, "learned from the members who this one is",
                 {{"member-id", Hex(self->member.value())}, {"cluster-id", Hex(self->cluster_id)}});
    return absl::OkStatus();
  }

  void WriteLog(std::string_view line) {
    if (log_) log_->Write(line);
  }

  AsioLoop::Options LoopOptions() {
    AsioLoop::Options options;
    options.on_stall = [this](const LoopStall& stall) {
      if (!stalls_told_.Allow(static_cast<int64_t>(loop_.LiveMicros()) * 1000)) return;
      logger_.Warn(kCaller, "a turn of the loop took too long",
                   {{"stage", stall.stage},
                    {"stage-ms", stall.stage_took.count() / 1000000},
                    {"took-ms", stall.turn_took.count() / 1000000},
                    {"not-told", stalls_told_.TakeHeldBack()}});
    };
    return options;
  }

  void MakeServices() {
    methods_ = std::make_unique<Methods>([this](const CallContext& context, Right right) {
      observed_.OnCall(context);
      return CheckCall(*node_, context, right);
    });
    kv_ = std::make_unique<KvService>(*node_);
    lease_ = std::make_unique<LeaseService>(*node_);
    cluster_ = std::make_unique<ClusterService>(*node_);
    maintenance_ = std::make_unique<MaintenanceService>(*node_);
    watch_ = std::make_unique<WatchService>(node_->watches());
    local_ = std::make_unique<LocalClient>(*methods_, loop_);
    lock_ = std::make_unique<LockService>(*local_);
    election_ = std::make_unique<ElectionService>(*local_);
    kv_->AddTo(*methods_);
    lease_->AddTo(*methods_);
    cluster_->AddTo(*methods_);
    maintenance_->AddTo(*methods_);
    lock_->AddTo(*methods_);
    election_->AddTo(*methods_);
    health_ = std::make_unique<HealthService>();
    reflection_ = std::make_unique<ReflectionService>(*methods_);
    health_->AddTo(*methods_);
    reflection_->AddTo(*methods_);
    const Method watch = watch_->WatchMethod();
    methods_->Add(watch.path, watch.kind, watch.start);
    fresh_ = std::make_unique<FreshReads>(*node_);
    fresh_->Extend(*methods_);
    observed_.SetMethods(methods_->All());
    FrontEndOptions options = FrontEndOptionsOf(flags_);
    // It costs two looks at the clock a call, some percent of the fastest reads.
    options.call_times = &call_times_;
    if (flags_.metrics == "extensive") call_times_.WantAll();
    WantFiguresOfMetrics(*methods_, &call_times_);
    http_ = std::make_unique<HttpSide>(
        flags_,
        HttpSide::World{loop_, runner_, logger_, *node_, *methods_,
                        options.max_receive_message_bytes, options.call_times},
        NodeEndpoints::Pages{.metrics = [this] { return Metrics(); },
                             .debug_vars = [this] { return DebugVarsText(*node_); }});
    front_end_ =
        std::make_unique<FrontEnd>(loop_.context(), options, *methods_, http_->client_port());
  }

  std::string Metrics() {
    return MetricsText({*node_, *methods_, front_end_->stats(), *peers_, http_->health_counts(),
                        observed_, call_times_});
  }

  absl::Status StartNode() {
    const Identity& identity = node_->identity();
    PeerIdentity self;
    self.cluster_id = identity.cluster_id;
    self.id = identity.member;
    self.incarnation = identity.incarnation;
    self.process_nonce = node_->boot_id();
    self.entry_version = entry_version_;
    self.peer_urls = SplitUrls(flags_.initial_advertise_peer_urls);
    peers_ = std::make_unique<AsioPeerNetwork>(loop_, self, random_, PeerTransportOptions());
    node_->Start(peers_.get());
    if (auto status = peers_->Listen(SplitUrls(flags_.listen_peer_urls)); !status.ok()) {
      return absl::Status(status.code(), absl::StrCat("--listen-peer-urls: ", status.message()));
    }
    if (auto status = http_->StartMonitor(); !status.ok()) return status;
    loop_.OnTurnEnd([this] { node_->EndTurn(); });
    loop_.OnTurnEnd([this] { front_end_->FlushDirty(); });
    loop_.OnTurnEnd([this] { node_->FlushPeers(); });
    logger_.Info(kCaller, "started member",
                 {{"name", flags_.name},
                  {"member-id", Hex(identity.member.value())},
                  {"cluster-id", Hex(identity.cluster_id)},
                  {"data-dir", flags_.data_dir}});
    return absl::OkStatus();
  }

  void Serve() {
    for (const auto& [flag, urls] :
         {std::pair("listen-client-urls", flags_.listen_client_urls),
          std::pair("listen-client-http-urls", flags_.listen_client_http_urls)}) {
      for (const std::string& url : SplitUrls(urls)) {
        if (auto status = Listen(flag, url); !status.ok()) return Quit(status);
      }
    }
    for (const std::string& address : front_end_->addresses()) {
      logger_.Info(kCaller, "serving client traffic insecurely; this is strongly discouraged!",
                   {{"address", address}});
    }
    logger_.Info(kCaller, "ready to serve client requests");
    TellReady();
  }

  absl::Status Listen(const std::string& flag, const std::string& url) {
    const auto endpoint = ListenEndpointOf(flag, url);
    if (!endpoint.ok()) return endpoint.status();
    const absl::Status status = front_end_->Listen(*endpoint);
    return absl::Status(status.code(), absl::StrCat("--", flag, ": ", status.message()));
  }

  void CatchSignals() {
    signals_.add(SIGINT);
    signals_.add(SIGTERM);
    signals_.async_wait([this](const asio::error_code& error, int signal) {
      if (!error) Leave(signal);
    });
  }

  // Hands leadership over, lets open calls end, then stops; at most about three seconds.
  void Leave(int signal) {
    logger_.Info(kCaller, "received signal; shutting down", {{"signal", signal}});
    TellStopping();
    const bool led = node_->status().is_leader;
    if (led) {
      // Refused where there is nobody to hand over to.
      (void)node_->TransferLeadership(raft::NodeId());
    }
    const auto began = loop_.Now();
    WaitForHandOver(began, led);
  }

  void WaitForHandOver(Instant began, bool led) {
    const bool alone = node_->configuration().voters.size() < 2;
    if (node_->status().is_leader && !alone &&
        loop_.Now() - began < std::chrono::milliseconds(1000)) {
      loop_.After(std::chrono::milliseconds(20),
                  [this, began, led] { WaitForHandOver(began, led); });
      return;
    }
    if (led && !node_->status().is_leader) logger_.Info(kCaller, "this member no longer leads");
    node_->Stop(errors::Stopped());
    health_->Shutdown();
    front_end_->Shutdown(std::chrono::milliseconds(1000), [this] { loop_.Stop(); });
    // Shutdown's own grace bounds it; this bounds a client that does not read.
    loop_.After(std::chrono::milliseconds(2000), [this] { loop_.Stop(); });
  }

  void Quit(const absl::Status& status) {
    result_ = status;
    loop_.Stop();
  }

  const KvdFlags flags_;
  const uint32_t entry_version_;
  std::unique_ptr<LogOutputs> log_;
  Logger logger_;
  RateLimit stalls_told_{2};
  AsioLoop loop_;
  ThreadRunner runner_;
  Random random_;
  Observed observed_;
  CallTimes call_times_;
  storage::PosixFileSystem fs_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<AsioPeerNetwork> peers_;
  std::unique_ptr<Methods> methods_;
  std::unique_ptr<FreshReads> fresh_;
  std::unique_ptr<KvService> kv_;
  std::unique_ptr<LeaseService> lease_;
  std::unique_ptr<ClusterService> cluster_;
  std::unique_ptr<MaintenanceService> maintenance_;
  std::unique_ptr<WatchService> watch_;
  std::unique_ptr<LocalClient> local_;
  std::unique_ptr<LockService> lock_;
  std::unique_ptr<ElectionService> election_;
  std::unique_ptr<HealthService> health_;
  std::unique_ptr<ReflectionService> reflection_;
  std::unique_ptr<HttpSide> http_;
  std::unique_ptr<FrontEnd> front_end_;
  asio::signal_set signals_;
  absl::Status result_;
};

Kvd::Kvd(const KvdFlags& flags, uint32_t entry_version)
    : impl_(std::make_unique<Impl>(flags, entry_version)) {}
Kvd::~Kvd() = default;
absl::Status Kvd::Open() { return impl_->Open(); }
absl::Status Kvd::Run() { return impl_->Run(); }

}  // namespace keelson::server
