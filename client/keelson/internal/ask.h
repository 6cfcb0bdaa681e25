// A typed unary request: what the public handles have in common.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "client/keelson/internal/convert.h"
#include "client/keelson/internal/core.h"

namespace keelson::client::internal {

// Blocks for the answer; see RunUnary. `endpoint` pins the request to one member.
template <typename Response>
absl::StatusOr<Response> Ask(const std::shared_ptr<Core>& core, std::string method, Effect effect,
                             const google::protobuf::MessageLite& request, const CallOptions& call,
                             std::string endpoint = "") {
  return ParseAnswer<Response>(RunUnary(core, {.method = std::move(method),
                                               .body = request.SerializeAsString(),
                                               .effect = effect,
                                               .timeout = call.timeout,
                                               .pinned_endpoint = std::move(endpoint)}));
}

}  // namespace keelson::client::internal
