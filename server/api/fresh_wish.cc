#include "server/api/fresh_wish.h"

#include <chrono>
#include <string>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/view.h"
#include "server/node/freshness.h"
#include "server/node/node.h"

namespace keelson::server {
namespace {

constexpr std::string_view kMaxAge = "keelson-max-age-ms";
constexpr std::string_view kMinRevision = "keelson-min-revision";

absl::StatusOr<int64_t> Number(std::string_view key, std::string_view text) {
  int64_t number = 0;
  if (absl::SimpleAtoi(ToAbsl(text), &number) && number >= 0) return number;
  return absl::InvalidArgumentError(
      absl::StrCat(ToAbsl(key), ": \"", ToAbsl(text), "\" is no whole number of 0 or more"));
}

}  // namespace

bool WantsAge(const CallContext& context) {
  return context.Find(kMaxAge) || context.Find(kMinRevision);
}

absl::StatusOr<Wish> WishOf(const CallContext& context) {
  Wish wish;
  if (const auto text = context.Find(kMaxAge)) {
    const auto number = Number(kMaxAge, *text);
    if (!number.ok()) return number.status();
    wish.max_age_ms = *number;
  }
  if (const auto text = context.Find(kMinRevision)) {
    const auto number = Number(kMinRevision, *text);
    if (!number.ok()) return number.status();
    wish.min_revision = *number;
  }
  return wish;
}

bool MeetsAge(const Wish& wish, std::optional<int64_t> age_ms) {
  return !wish.max_age_ms || (age_ms && *age_ms <= *wish.max_age_ms);
}

absl::Status TooOld(const Wish& wish, std::optional<int64_t> age_ms) {
  const std::string best = age_ms ? absl::StrCat("is ", *age_ms, " ms old") : "is of unknown age";
  return absl::FailedPreconditionError(
      absl::StrCat("keelson: what this member has ", best, ", asked for at most ", *wish.max_age_ms,
                   " ms; ask another member, or read linearizably"));
}

int64_t MillisSince(uint64_t anchor, uint64_t now) {
  return std::chrono::ceil<std::chrono::milliseconds>(Freshness::AgeOf(anchor, now)).count();
}

bool HearsQuorum(Node& node, uint64_t now) {
  const auto heard = node.QuorumHeard();
  return heard && Freshness::AgeOf(*heard, now) <= node.options().election_timeout;
}

}  // namespace keelson::server
