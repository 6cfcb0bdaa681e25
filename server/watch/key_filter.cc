#include "server/watch/key_filter.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace keelson::server {

storage::ReadView::KeyFilter MakeKeyFilter(std::vector<storage::KeyRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const auto& a, const auto& b) { return a.begin < b.begin; });
  // Ranges that touch or overlap become one, so that at most one can hold a key.
  auto merged = std::make_shared<std::vector<storage::KeyRange>>();
  for (storage::KeyRange& range : ranges) {
    if (merged->empty() || (merged->back().end && *merged->back().end < range.begin)) {
      merged->push_back(std::move(range));
    } else if (auto& end = merged->back().end; end && (!range.end || *range.end > *end)) {
      end = std::move(range.end);
    }
  }
  return [merged = std::move(merged)](std::string_view key) {
    auto after = std::upper_bound(
        merged->begin(), merged->end(), key,
        [](std::string_view k, const storage::KeyRange& range) { return k < range.begin; });
    if (after == merged->begin()) return false;
    const storage::KeyRange& range = *--after;
    return !range.end || key < *range.end;
  };
}

}  // namespace keelson::server
