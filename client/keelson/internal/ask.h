// Typed unary requests: what the public handles have in common.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "client/keelson/future.h"
#include "client/keelson/internal/convert.h"
#include "client/keelson/internal/core.h"
#include "client/keelson/internal/read_call.h"

namespace keelson::client::internal {

// Starts a request; `convert` makes the result of the Response, on the client's thread. `endpoint`
// pins the request to one member.
template <typename Response, typename Convert>
auto Ask(const std::shared_ptr<Core>& core, std::string method, Effect effect,
         const google::protobuf::MessageLite& request, const CallOptions& call, Convert convert,
         std::string endpoint = "") {
  using Result = decltype(convert(std::declval<Response&>()));
  auto state = std::make_shared<FutureState<Result>>(core->executor());
  StartUnary(core,
             {.method = std::move(method),
              .body = request.SerializeAsString(),
              .effect = effect,
              .timeout = call.timeout,
              .pinned_endpoint = std::move(endpoint),
              .cancellation = state->cancellation()},
             [state, convert = std::move(convert)](const absl::StatusOr<UnaryAnswer>& answer) {
               if (!answer.ok()) return state->Complete(answer.status());
               absl::StatusOr<Response> response = ParseAnswer<Response>(answer->body);
               if (!response.ok()) return state->Complete(response.status());
               state->Complete(convert(*response));
             });
  return Future<Result>(std::move(state));
}

// Starts a read by its ReadOptions; `convert` makes the result, which has a field `freshness`.
template <typename Response, typename Convert>
auto AskRead(const std::shared_ptr<Core>& core, ReadRequest request, Convert convert) {
  using Result = decltype(convert(std::declval<Response&>()));
  auto state = std::make_shared<FutureState<Result>>(core->executor());
  request.cancellation = state->cancellation();
  StartRead(core, std::move(request),
            [state, convert = std::move(convert)](const absl::StatusOr<ReadAnswer>& answer) {
              if (!answer.ok()) return state->Complete(answer.status());
              absl::StatusOr<Response> response = ParseAnswer<Response>(answer->body);
              if (!response.ok()) return state->Complete(response.status());
              Result result = convert(*response);
              result.freshness = answer->freshness;
              result.freshness.revision = result.header.revision;
              state->Complete(std::move(result));
            });
  return Future<Result>(std::move(state));
}

// Waits for what `start` starts; where waiting would never end, nothing is started.
template <typename Start>
auto Await(const std::shared_ptr<Core>& core, Start start) -> decltype(start().Get()) {
  if (core->scheduler().InLoop()) return WithOutcome(WaitsOnOwnThread(), Outcome::kFailed);
  return start().Get();
}

}  // namespace keelson::client::internal
