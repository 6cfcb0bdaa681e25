// What must hold of every answer, from nothing but the changes that were applied: the oracle keeps
// each revision as a plain map.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "proto/etcd/rpc.pb.h"
#include "storage/mvcc/mvcc_store.h"
#include "storage/mvcc/types.h"

namespace keelson::server {

// Every rule is a KEELSON_CHECK: a broken one ends the process.
class FuzzOracle {
 public:
  // Of a store without keys at `revision`, with everything before it compacted.
  explicit FuzzOracle(int64_t revision) : states_{{revision, {}}} {}

  // Takes in what one request changed: at most one revision, each change true to the one before.
  void Fold(const std::vector<storage::Change>& changes);

  // The newest state is the store's: keys, counts and the keys of each lease.
  void CheckStore(storage::MvccStore& store) const;

  // An answer to `request` when the store was at `now`. Takes it apart: its keys are those of the
  // range at the revision, filtered, sorted, cut and counted right.
  void CheckRange(const etcdserverpb::RangeRequest& request,
                  const etcdserverpb::RangeResponse& response) const;

  int64_t revision() const { return states_.rbegin()->first; }

 private:
  using State = std::map<std::string, storage::KeyValue>;

  std::map<int64_t, State> states_;
};

}  // namespace keelson::server
