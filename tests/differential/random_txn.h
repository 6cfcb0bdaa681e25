// Random transactions: comparisons of every target over keys and ranges, nested branches, and the
// ways in which a transaction is refused.
#pragma once

#include "proto/etcd/rpc.pb.h"
#include "tests/differential/random.h"
#include "tests/differential/world.h"

namespace keelson::differential {

etcdserverpb::TxnRequest RandomTxn(Random& random, const World& world);

}  // namespace keelson::differential
