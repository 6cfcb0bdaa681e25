// Writes pairs as the field kvs of a RangeResponse, straight from the store's bytes.
#pragma once

#include <cstddef>
#include <string>

#include "storage/mvcc/types.h"

namespace keelson::server {

// Bytes of one pair as a field kvs, tag and length included.
size_t PairFieldSize(const storage::KeyValueRef& pair);

// Appends them.
void AppendPairField(const storage::KeyValueRef& pair, std::string* out);

}  // namespace keelson::server
