#include "server/rpc/http_date.h"

#include "absl/time/time.h"

namespace keelson::server {

std::string_view HttpDate::Now() {
  if (!clock_) return {};
  const absl::Time now = absl::FromChrono(clock_());
  const int64_t second = absl::ToUnixSeconds(now);
  if (second == second_) return text_;
  second_ = second;
  text_ = absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", now, absl::UTCTimeZone());
  return text_;
}

}  // namespace keelson::server
