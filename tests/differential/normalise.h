// The parts of an answer in which two correct servers differ.
#pragma once

#include <google/protobuf/message.h>

#include "tests/differential/id_names.h"

namespace keelson::differential {

// Applies the rules listed at Server::Call to a response.
void Normalise(const IdNames& names, google::protobuf::Message& response);

}  // namespace keelson::differential
