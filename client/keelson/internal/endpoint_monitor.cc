#include "client/keelson/internal/endpoint_monitor.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/keelson/internal/convert.h"

namespace keelson::client::internal {
namespace {

constexpr absl::Duration kTick = absl::Seconds(1);
constexpr absl::Duration kProbeTimeout = absl::Seconds(2);

// Another member is preferred only where it is better by more than what comes and goes.
constexpr double kMuchNearer = 0.7;
constexpr uint64_t kMuchFresher = 1000;  // entries

struct Look {
  std::string address = {};
  std::optional<absl::Duration> latency = {};
  uint64_t applied = 0;
};

bool IsBetter(ClientOptions::Preference preference, const Look& one, const Look& other) {
  if (!one.latency || !other.latency) return one.latency.has_value() && !other.latency.has_value();
  if (preference == ClientOptions::Preference::kNearest) {
    return *one.latency < *other.latency * kMuchNearer;
  }
  return one.applied > other.applied + kMuchFresher;
}

class Monitor : public std::enable_shared_from_this<Monitor> {
 public:
  explicit Monitor(const std::shared_ptr<Core>& core) : weak_(core), options_(core->options()) {}

  void Start() { Tick(); }

 private:
  bool syncs() const { return options_.sync_interval > absl::ZeroDuration(); }
  bool probes() const { return options_.preference != ClientOptions::Preference::kFirst; }

  void Tick() {
    const std::shared_ptr<Core> core = weak_.lock();
    if (core == nullptr) return;
    const Instant now = core->scheduler().Now();
    const uint64_t failures = core->endpoints().failures();
    if (syncs() && !syncing_ && (now >= next_sync_ || failures != failures_seen_)) Sync(core);
    if (probes() && waiting_for_ == 0 && now >= next_probe_) Probe(core);
    failures_seen_ = failures;
    core->scheduler().After(kTick, [self = shared_from_this()] { self->Tick(); });
  }

  void Sync(const std::shared_ptr<Core>& core) {
    syncing_ = true;
    next_sync_ = core->scheduler().Now() + options_.sync_interval;
    // Of one member alone, so that a minority can say it, too.
    StartUnary(core,
               {.method = "/etcdserverpb.Cluster/MemberList",
                .body = etcdserverpb::MemberListRequest().SerializeAsString(),
                .effect = Effect::kReads},
               [self = shared_from_this()](const absl::StatusOr<UnaryAnswer>& answer) {
                 self->syncing_ = false;
                 if (answer.ok()) self->Synced(*answer);
               });
  }

  void Synced(const UnaryAnswer& answer) {
    const auto response = ParseAnswer<etcdserverpb::MemberListResponse>(answer.body);
    const std::shared_ptr<Core> core = weak_.lock();
    if (!response.ok() || core == nullptr) return;
    std::vector<std::string> addresses;
    const auto add = [&addresses](const std::string& text) {
      const auto address = ParseEndpoint(text);
      if (!address.ok()) return;
      if (std::find(addresses.begin(), addresses.end(), *address) != addresses.end()) return;
      addresses.push_back(*address);
    };
    for (const auto& member : response->members()) {
      if (member.islearner()) continue;
      for (const std::string& url : member.clienturls()) add(url);
    }
    // Those that the application named come last: they may be the only ones that can be reached.
    for (const std::string& endpoint : options_.endpoints) add(endpoint);
    core->endpoints().Replace(std::move(addresses));
  }

  void Probe(const std::shared_ptr<Core>& core) {
    next_probe_ = core->scheduler().Now() + options_.probe_interval;
    looks_.clear();
    const std::vector<std::string> addresses = core->endpoints().addresses();
    waiting_for_ = addresses.size();
    for (const std::string& address : addresses) {
      StartUnary(core,
                 {.method = "/etcdserverpb.Maintenance/Status",
                  .body = etcdserverpb::StatusRequest().SerializeAsString(),
                  .effect = Effect::kReads,
                  .timeout = kProbeTimeout,
                  .pinned_endpoint = address},
                 [self = shared_from_this(), address](const absl::StatusOr<UnaryAnswer>& answer) {
                   self->Probed(address, answer);
                 });
    }
  }

  void Probed(const std::string& address, const absl::StatusOr<UnaryAnswer>& answer) {
    const std::shared_ptr<Core> core = weak_.lock();
    Look look{.address = address};
    if (answer.ok()) {
      const auto status = ParseAnswer<etcdserverpb::StatusResponse>(answer->body);
      // One without a leader can't answer most of what it will be asked.
      if (status.ok() && status->leader() != 0 && !status->islearner()) {
        look.latency = answer->took;
        look.applied = status->raftappliedindex();
      }
    }
    if (core != nullptr) core->endpoints().Looked(address, look.latency, look.applied);
    looks_.push_back(std::move(look));
    if (--waiting_for_ == 0 && core != nullptr) Choose(*core);
  }

  void Choose(Core& core) {
    const std::string in_use = core.endpoints().current();
    const auto used = std::find_if(looks_.begin(), looks_.end(),
                                   [&](const Look& look) { return look.address == in_use; });
    Look best = used == looks_.end() ? Look{} : *used;
    for (const Look& look : looks_) {
      if (IsBetter(options_.preference, look, best)) best = look;
    }
    if (best.latency && best.address != in_use) core.endpoints().Prefer(best.address);
  }

  const std::weak_ptr<Core> weak_;
  const ClientOptions options_;
  // The client's thread only:
  bool syncing_ = false;
  Instant next_sync_ = -absl::InfiniteDuration();
  Instant next_probe_ = -absl::InfiniteDuration();
  uint64_t failures_seen_ = 0;
  size_t waiting_for_ = 0;
  std::vector<Look> looks_;  // of the present probe
};

}  // namespace

void StartEndpointMonitor(const std::shared_ptr<Core>& core) {
  const ClientOptions& options = core->options();
  if (options.sync_interval <= absl::ZeroDuration() &&
      options.preference == ClientOptions::Preference::kFirst) {
    return;
  }
  core->scheduler().Post([monitor = std::make_shared<Monitor>(core)] { monitor->Start(); });
}

}  // namespace keelson::client::internal
