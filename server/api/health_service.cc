#include "server/api/health_service.h"

#include <utility>

#include "proto/grpc/health.pb.h"
#include "server/api/methods.h"
#include "server/apply/errors.h"

namespace keelson::server {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

SharedBody Body(HealthCheckResponse::ServingStatus status) {
  HealthCheckResponse response;
  response.set_status(status);
  return {response.SerializeAsString(), nullptr};
}

}  // namespace

void HealthService::AddTo(Methods& methods) {
  methods.AddUnary<HealthCheckRequest>(
      "/grpc.health.v1.Health/Check",
      [this](std::shared_ptr<Call> call, const HealthCheckRequest& request, std::string_view) {
        Check(*call, request.service());
      });
  methods.Add("/grpc.health.v1.Health/Watch", Method::Kind::kServerStream,
              [this](std::shared_ptr<Call> call, std::string_view bytes) {
                HealthCheckRequest request;
                if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
                  return Answer(*call, Undecodable());
                }
                Watch(std::move(call), request.service());
              });
}

void HealthService::Check(Call& call, std::string_view service) const {
  if (!service.empty()) return Answer(call, absl::NotFoundError("unknown service"));
  call.Send(Body(serving_ ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING));
  call.Finish(absl::OkStatus());
}

void HealthService::Watch(std::shared_ptr<Call> call, std::string_view service) {
  if (!serving_) return Answer(*call, errors::Stopped());
  const uint64_t id = ++last_;
  watching_[id] = call;
  call->Send(
      Body(service.empty() ? HealthCheckResponse::SERVING : HealthCheckResponse::SERVICE_UNKNOWN));
  call->SetEvents({.on_message = nullptr,
                   .on_half_close = nullptr,
                   .on_end = [this, id] { watching_.erase(id); },
                   .on_writable = nullptr});
}

void HealthService::Shutdown() {
  serving_ = false;
  for (const auto& [id, call] : std::exchange(watching_, {})) {
    call->Send(Body(HealthCheckResponse::NOT_SERVING));
    call->Finish(errors::Stopped());
  }
}

}  // namespace keelson::server
