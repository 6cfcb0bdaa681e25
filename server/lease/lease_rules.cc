#include "server/lease/lease_rules.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "server/apply/errors.h"

namespace keelson::server {

int64_t MinimumLeaseTtl(Duration election_timeout) {
  KEELSON_CHECK(election_timeout.count() > 0, "an election timeout is positive");
  constexpr int64_t kSecond = 1'000'000'000;
  const int64_t one_and_a_half = election_timeout.count() + (election_timeout.count() + 1) / 2;
  return (one_and_a_half + kSecond - 1) / kSecond;
}

int64_t ClampLeaseTtl(int64_t requested, Duration election_timeout) {
  return std::max(requested, MinimumLeaseTtl(election_timeout));
}

absl::Status CheckLeaseTtl(int64_t ttl) {
  return ttl > kMaxLeaseTtl ? errors::LeaseTtlTooLarge() : absl::OkStatus();
}

int64_t ChooseLeaseId(const Random& random, const std::function<bool(int64_t)>& taken) {
  for (;;) {
    const auto id = static_cast<int64_t>(random() & std::numeric_limits<int64_t>::max());
    if (id != 0 && !taken(id)) return id;
  }
}

}  // namespace keelson::server
