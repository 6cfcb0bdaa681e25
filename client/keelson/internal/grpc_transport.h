// The Transport of production, on grpc++. The only file of the library that knows gRPC is its .cc.
#pragma once

#include <memory>

#include "client/keelson/internal/scheduler.h"
#include "client/keelson/internal/transport.h"
#include "client/keelson/options.h"

namespace keelson::client::internal {

// One HTTP/2 connection per endpoint, opened on first use and kept.
std::shared_ptr<Transport> MakeGrpcTransport(const ClientOptions& options,
                                             std::shared_ptr<Scheduler> scheduler);

}  // namespace keelson::client::internal
