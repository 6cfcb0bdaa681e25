// What kvctl's exit status means. Documented in its help; scripts rely on it.
#pragma once

namespace keelson::kvctl {

enum ExitCode : int {
  kOk = 0,
  kFailed = 1,  // refused, surely without effect; or an endpoint is unhealthy, or the output failed
  kUsage = 2,   // the command line or its input is wrong; nothing was sent
  kNotFound = 3,     // the one key, lease or member asked for does not exist
  kUnavailable = 4,  // nobody answered in time, surely without effect: it may be tried again
  kUnknown = 5,      // a write that may have happened or may yet happen: read before trying again
};

}  // namespace keelson::kvctl
