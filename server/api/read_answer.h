// The end of every read: a short answer leaves at once, a long one goes on beside the loop.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "proto/etcd/rpc.pb.h"
#include "server/api/call.h"
#include "server/api/long_answer.h"
#include "server/api/methods.h"
#include "server/node/node.h"

namespace keelson::server {

// What a read may take on the loop before it moves to the read lane.
inline constexpr storage::SliceBudget kReadOnLoop{
    .max_keys = 256, .max_bytes = 128 << 10, .max_micros = 500};

// Whether `revision` is compacted by the time of the call.
inline SlowClient::Compacted IsCompactedSince(Node& node, int64_t revision) {
  return [&node, revision] { return node.store().compact_revision() > revision; };
}

// Answers `call` from `reader`: an AnswerSource that also gives its answer whole, on the node's
// View() of now. REQUIRES: the call's events are not set.
template <typename Reader>
void AnswerRead(Node& node, std::shared_ptr<Call> call, std::unique_ptr<Reader> reader) {
  etcdserverpb::ResponseHeader header;
  node.FillHeader(&header);
  const auto done = reader->Measure(kReadOnLoop);
  if (!done.ok()) return Answer(*call, done.status());
  if (!*done) {
    auto tell_if_slow = [&node, method = std::string(call->context().method)](Duration took) {
      if (node.slow_log().IsSlow(took)) node.slow_log().Range(took, method, node.loop().Now());
    };
    return LongAnswer::Start(node.loop(), node.runner(), std::move(call), std::move(reader), header,
                             {.on_read = std::move(tell_if_slow),
                              .compacted = IsCompactedSince(node, header.revision())});
  }
  call->Send(reader->Whole(header));
  call->Finish(absl::OkStatus());
}

}  // namespace keelson::server
