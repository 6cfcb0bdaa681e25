// Writes parts of answers as bytes: the header, and pairs straight from the store's bytes.
#pragma once

#include <cstddef>
#include <string>

#include "storage/mvcc/types.h"

namespace etcdserverpb {
class ResponseHeader;
}

namespace keelson::server {

// The header as a field of any response: it is always field 1.
std::string HeaderField(const etcdserverpb::ResponseHeader& header);

// Bytes of one pair as a field kvs, tag and length included.
size_t PairFieldSize(const storage::KeyValueRef& pair);

// Appends them.
void AppendPairField(const storage::KeyValueRef& pair, std::string* out);

}  // namespace keelson::server
