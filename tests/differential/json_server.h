// A server under comparison, called through its JSON gateway.
//
// Beside what an answer means, its form is compared: which fields are there, which numbers are
// strings, which bytes are base64. Requests go out in every form that a gateway takes.
#pragma once

#include <memory>
#include <string>

#include "tests/differential/server.h"

namespace keelson::differential {

// `seed` chooses the forms of the requests; two servers that are compared get the same one.
std::unique_ptr<Server> ConnectGateway(const std::string& endpoint, uint64_t seed);

// The JSON text `body` in one form: members sorted, one a line. Values of members that each server
// has its own of are replaced by their kind. "not JSON: ..." where it is none. Exposed for tests.
std::string JsonShape(const std::string& body);

}  // namespace keelson::differential
