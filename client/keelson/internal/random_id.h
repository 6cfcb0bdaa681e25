// Names that no other client has, and shares by which clients spread out.
#pragma once

#include <string>

namespace keelson::client::internal {

// 32 hexadecimal digits that nobody else gets. Thread-safe.
std::string RandomId();

// A number in [0.5, 1). Thread-safe.
double RandomShare();

}  // namespace keelson::client::internal
