// The end of every write: propose, and answer with what was applied.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "server/api/call.h"
#include "server/api/methods.h"
#include "server/node/node.h"

namespace keelson::server {

// Proposes `request` and answers `call` with the applied response, of type Response.
template <typename Response>
void WriteAndAnswer(Node& node, std::shared_ptr<Call> call, WriteKind kind,
                    std::string_view request) {
  node.Write(kind, request, [&node, call = std::move(call)](ApplyResult result) {
    if (!result.status.ok()) return Answer(*call, result.status);
    auto* response = static_cast<Response*>(result.response.get());
    node.FillHeader(response->mutable_header(), false);
    if (result.body == nullptr) return Answer(*call, *response);
    call->Send({response->SerializeAsString(), std::move(result.body)});
    call->Finish(absl::OkStatus());
  });
}

}  // namespace keelson::server
