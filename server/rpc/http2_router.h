// Decides what a request on an HTTP/2 stream is: a gRPC call, a plain request, or nothing we serve.
#pragma once

#include <memory>

#include "server/rpc/http2_stream.h"

namespace keelson::server {

// The role that will answer the request whose head is complete; null if it was refused, with an
// answer, at once. `overloaded`: the connection has too many unread answers to start a call.
std::shared_ptr<StreamRole> RouteRequest(Http2Stream& stream, bool overloaded);

}  // namespace keelson::server
