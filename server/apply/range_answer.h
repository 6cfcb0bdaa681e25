// From the keys that a range found to the answer on the wire: filters, order, limit.
#pragma once

#include <cstdint>
#include <vector>

#include "storage/mvcc/types.h"

namespace etcdserverpb {
class RangeRequest;
class RangeResponse;
}  // namespace etcdserverpb
namespace mvccpb {
class KeyValue;
}  // namespace mvccpb

namespace keelson::server {

// How many keys, in ascending order, must be read to answer `request`; 0 for all of them. One more
// than the limit tells whether more exist; filters and sorting need every key.
uint64_t KeysToRead(const etcdserverpb::RangeRequest& request);

// Whether the pairs go out in the order in which they are read, so that they can be encoded one by
// one.
bool IsKeyOrder(const etcdserverpb::RangeRequest& request);

// Whether values have to be read: not for keys_only, unless they are sorted by value.
bool NeedsValues(const etcdserverpb::RangeRequest& request);

// Whether a pair passes the request's bounds on its revisions.
bool PassesFilter(const etcdserverpb::RangeRequest& request, const storage::KeyValueRef& pair);

// The order of the answer. Total: equal pairs stand in the order of their keys.
bool ComesBefore(const etcdserverpb::RangeRequest& request, const storage::KeyValue& a,
                 const storage::KeyValue& b);

// Orders `found` (pairs that pass; ascending by key where IsKeyOrder) as the request wants it and
// cuts it to the limit. Returns whether the limit left something out.
bool Arrange(const etcdserverpb::RangeRequest& request,
             std::vector<const storage::KeyValue*>* found);

// Fills kvs and more of `response` from what was read (ascending by key, KeysToRead of them) and
// sets `count`, the number of keys in the range. Does not touch the header.
void FillRangeResponse(const etcdserverpb::RangeRequest& request,
                       std::vector<const storage::KeyValue*> found, int64_t count,
                       etcdserverpb::RangeResponse* response);

// Copies one pair; `with_value` false leaves the value empty.
void FillKeyValue(const storage::KeyValue& from, bool with_value, mvccpb::KeyValue* to);

}  // namespace keelson::server
