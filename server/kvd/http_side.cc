#include "server/kvd/http_side.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace keelson::server {
namespace {

constexpr std::string_view kCaller = "server/kvd";
constexpr char kMetricsFlag[] = "listen-metrics-urls";

GatewayOptions GatewayOptionsOf(const HttpSide::World& world) {
  GatewayOptions options{.loop = world.loop,
                         .run_beside = [&runner = world.runner](std::function<void()> work,
                                                                std::function<void()> done) {
                           runner.Run(Runner::Lane::kJson, std::move(work), std::move(done));
                         }};
  options.max_request_bytes = world.max_message_bytes;
  options.call_times = world.call_times;
  return options;
}

HttpPortOptions PortOptionsOf(const KvdFlags& flags) {
  return {.cors = SplitUrls(flags.cors), .host_whitelist = SplitUrls(flags.host_whitelist)};
}

}  // namespace

HttpSide::HttpSide(const KvdFlags& flags, const World& world, NodeEndpoints::Pages pages)
    : flags_(flags),
      world_(world),
      pages_(world.node, std::move(pages)),
      gateway_(world.methods, GatewayOptionsOf(world)),
      client_port_(PortOptionsOf(flags), flags.enable_grpc_gateway ? &gateway_ : nullptr, pages_) {}

absl::Status HttpSide::StartMonitor() {
  if (flags_.listen_metrics_urls.empty()) return absl::OkStatus();
  monitor_ = std::make_unique<Monitor>(world_.loop, pages_);
  for (const std::string& url : SplitUrls(flags_.listen_metrics_urls)) {
    const auto endpoint = ListenEndpointOf(kMetricsFlag, url);
    if (!endpoint.ok()) return endpoint.status();
    if (const auto status = monitor_->Listen(*endpoint); !status.ok()) {
      return absl::Status(status.code(), absl::StrCat("--", kMetricsFlag, ": ", status.message()));
    }
  }
  for (const std::string& address : monitor_->addresses()) {
    world_.logger.Info(kCaller, "serving metrics and health", {{"address", address}});
  }
  monitor_->Start();
  return absl::OkStatus();
}

}  // namespace keelson::server
