// The end of every write: propose, and answer with what was applied.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "server/api/call.h"
#include "server/api/methods.h"
#include "server/node/node.h"

namespace keelson::server {

// Request metadata by which a client names its write, so that it is applied once however often it
// is sent (README, "Writes that are applied once").
inline constexpr std::string_view kRequestIdKey = "keelson-request-id";

// Answer metadata: what the log decided about the name, and its value where an earlier call's
// answer is given again.
inline constexpr std::string_view kRequestOutcomeKey = "keelson-request-outcome";
inline constexpr std::string_view kRepeatedOutcome = "repeated";

// Whether calls of `method` take a name.
bool TakesRequestId(std::string_view method);

// NOSPACE where `cost` more bytes would be above the quota.
absl::Status CheckSpace(Node& node, int64_t cost);

// Proposes `request`; `asked` are the bytes that the client sent, by which a repetition of a named
// write is known. `done` gets what is to be answered. Where there is a name the answer's metadata
// is added before. Not proposed where there is a `refusal`: then that is the answer, but of a named
// write that this member has applied before.
void ProposeFor(Node& node, const std::shared_ptr<Call>& call, WriteKind kind,
                std::string_view request, std::string_view asked, Node::WriteDone done,
                const absl::Status& refusal = absl::OkStatus());

// Proposes `request` and answers `call` with the applied response, of type Response. `refusal` as
// above.
template <typename Response>
void WriteAndAnswer(Node& node, const std::shared_ptr<Call>& call, WriteKind kind,
                    std::string_view request, std::string_view asked,
                    const absl::Status& refusal = absl::OkStatus()) {
  auto answer = [&node, call](ApplyResult result) {
    if (!result.status.ok()) return Answer(*call, result.status);
    auto* response = static_cast<Response*>(result.response.get());
    node.FillHeader(response->mutable_header(), false);
    if (result.body == nullptr) return Answer(*call, *response);
    call->Send({response->SerializeAsString(), std::move(result.body)});
    call->Finish(absl::OkStatus());
  };
  ProposeFor(node, call, kind, request, asked, std::move(answer), refusal);
}
template <typename Response>
void WriteAndAnswer(Node& node, const std::shared_ptr<Call>& call, WriteKind kind,
                    std::string_view request) {
  WriteAndAnswer<Response>(node, call, kind, request, request);
}

}  // namespace keelson::server
