// A set of keys, given by ranges, that can be asked from another thread.
#pragma once

#include <string_view>
#include <vector>

#include "storage/mvcc/read_view.h"
#include "storage/mvcc/types.h"

namespace keelson::server {

// Whether a key lies in at least one of `ranges`, in O(log n). The filter shares nothing with
// anybody and never changes.
storage::ReadView::KeyFilter MakeKeyFilter(std::vector<storage::KeyRange> ranges);

}  // namespace keelson::server
