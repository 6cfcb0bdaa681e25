// One message of every kind, with every field set, for the tests of the peer format.
#pragma once

#include <string>
#include <vector>

#include "server/node/peer_network.h"

namespace keelson::server {

raft::Message MakeRaftMessage(raft::MessageBody body);

// An append with `count` entries of `payload_bytes` each after entry 7/100.
raft::Message MakeAppend(int count, size_t payload_bytes);

std::vector<PeerMessage> OneOfEveryKind();

// All fields of `message` as text; equal texts, equal messages.
std::string Dump(const PeerMessage& message);

}  // namespace keelson::server
