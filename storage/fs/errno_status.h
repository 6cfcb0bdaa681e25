// One mapping of errno to the status codes of fs.h, shared by every FileSystem.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace keelson::storage {

// The status for `error` (an errno, not 0) of the action `what` ("write at 4096") on `path`. The
// message names both, the system's text and, for a failing or full disk, what to do.
absl::Status ErrnoStatus(int error, std::string_view what, std::string_view path);

}  // namespace keelson::storage
