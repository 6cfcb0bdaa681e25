// Client::Create, the composition root: apart from the rest, because it alone pulls in gRPC.
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/keelson/client.h"
#include "client/keelson/internal/core.h"
#include "client/keelson/internal/endpoint_monitor.h"
#include "client/keelson/internal/grpc_transport.h"
#include "client/keelson/internal/timer_thread.h"

namespace keelson::client {
namespace {

absl::Status Positive(absl::Duration duration, const char* name) {
  if (duration > absl::ZeroDuration()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("ClientOptions::", name, " must be longer than zero"));
}

absl::StatusOr<std::vector<std::string>> CheckOptions(const ClientOptions& options) {
  for (const absl::Status& status :
       {Positive(options.timeout, "timeout"), Positive(options.dial_timeout, "dial_timeout"),
        Positive(options.keepalive_time, "keepalive_time"),
        Positive(options.keepalive_timeout, "keepalive_timeout"),
        Positive(options.probe_interval, "probe_interval")}) {
    if (!status.ok()) return status;
  }
  if (options.endpoints.empty()) {
    return absl::InvalidArgumentError("ClientOptions::endpoints is empty; name at least one");
  }
  std::vector<std::string> addresses;
  for (const std::string& endpoint : options.endpoints) {
    auto address = internal::ParseEndpoint(endpoint);
    if (!address.ok()) return address.status();
    addresses.push_back(*std::move(address));
  }
  return addresses;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> Client::Create(ClientOptions options) {
  auto addresses = CheckOptions(options);
  if (!addresses.ok()) return WithOutcome(addresses.status(), Outcome::kFailed);
  const auto scheduler = std::make_shared<internal::TimerThread>();
  auto transport = internal::MakeGrpcTransport(options, scheduler);
  auto core = std::make_shared<internal::Core>(std::move(options), *std::move(addresses), scheduler,
                                               std::move(transport));
  internal::StartEndpointMonitor(core);
  return std::make_unique<Client>(std::move(core));
}

}  // namespace keelson::client
