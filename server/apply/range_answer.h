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

// Whether the keys go out in the order in which they are read and none is filtered out, so that
// they can be encoded one by one.
bool IsPlainOrder(const etcdserverpb::RangeRequest& request);

// Whether values have to be read: not for keys_only, unless they are sorted by value.
bool NeedsValues(const etcdserverpb::RangeRequest& request);

// Fills kvs and more of `response` from what was read (ascending by key, KeysToRead of them) and
// sets `count`, the number of keys in the range. Does not touch the header.
void FillRangeResponse(const etcdserverpb::RangeRequest& request,
                       std::vector<const storage::KeyValue*> found, int64_t count,
                       etcdserverpb::RangeResponse* response);

// Copies one pair; `with_value` false leaves the value empty.
void FillKeyValue(const storage::KeyValue& from, bool with_value, mvccpb::KeyValue* to);

}  // namespace keelson::server
