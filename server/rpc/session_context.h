// What all connections of one front end share.
#pragma once

#include "server/api/call.h"
#include "server/api/http.h"
#include "server/rpc/deadline_queue.h"
#include "server/rpc/http2_config.h"
#include "server/rpc/http_date.h"
#include "server/rpc/options.h"
#include "server/rpc/output_queue.h"

namespace keelson::server {

struct SessionContext {
  SessionContext(FrontEndOptions options_in, const MethodTable& methods_in,
                 HttpEndpoints& endpoints_in)
      : options(std::move(options_in)),
        methods(methods_in),
        endpoints(endpoints_in),
        http2(options),
        date(options.wall_clock) {}

  DeadlineQueue::Time Now() const { return options.now(); }

  const FrontEndOptions options;
  const MethodTable& methods;
  HttpEndpoints& endpoints;
  const Http2Config http2;
  HttpDate date;
  DeadlineQueue deadlines;
  BlockPool blocks;
  FrontEndStats stats;
};

}  // namespace keelson::server
