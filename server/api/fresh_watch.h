// Watch streams that say how old they are (see fresh_reads.h, design D5).
//
// Whoever asks by metadata when the stream begins finds keelson_age_ms and keelson_quorum in every
// answer that says how far a watcher, or the stream, has come: the answer to a progress request and
// the periodic progress notification. The caller has had every change of what it watches that was
// acknowledged so long ago or earlier, counted from when the answer was given: what it took on its
// way, at most the time since it was asked for, comes on top. So a client that asks for progress
// now and then knows the age of its copy, also while quorum is lost. The leading metadata say the
// same of the member when its first watcher began, if that was the first answer of the stream.
// Answers with events have no age: they say what came, not what did not.
//
// Where one of these is older than keelson-max-age-ms, or of unknown age, the stream ends with
// FailedPrecondition instead.
//
// Requests wait until this member has keelson-min-revision: a watcher without a start revision
// begins behind it.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "server/api/call.h"

namespace keelson::server {

class Node;

// Passes `call` on to `start`, as the Watch handler is to see it, or refuses it. `node` outlives
// the call. Loop thread only.
void StartFreshWatch(
    Node& node, std::shared_ptr<Call> call,
    const std::function<void(std::shared_ptr<Call>, std::string_view request)>& start);

}  // namespace keelson::server
