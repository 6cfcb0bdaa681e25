// How long a recipe may block, and how to end that early.
#pragma once

#include <stop_token>

#include "absl/time/time.h"

namespace keelson::client::recipes {

struct WaitOptions {
  // The wait ends with DeadlineExceeded after so long.
  absl::Duration timeout = absl::InfiniteDuration();

  // request_stop() of its source, from any thread, ends the wait with Cancelled, and the call to
  // the cluster that runs at that moment. What has to be undone (a place in a line) is undone
  // first.
  std::stop_token stop = {};
};

}  // namespace keelson::client::recipes
