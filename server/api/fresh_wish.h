// What a call asks for that may not be too old, and what it is told (see fresh_reads.h).
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/api/call.h"

namespace keelson::server {

class Node;

struct Wish {
  std::optional<int64_t> max_age_ms = std::nullopt;
  int64_t min_revision = 0;
};

// Whether the caller asked for anything of it.
bool WantsAge(const CallContext& context);

// InvalidArgument names the metadata that is no number.
absl::StatusOr<Wish> WishOf(const CallContext& context);

// Whether an answer of this age will do; unknown is older than anything.
bool MeetsAge(const Wish& wish, std::optional<int64_t> age_ms);

// Why it will not. REQUIRES: the wish has a bound.
absl::Status TooOld(const Wish& wish, std::optional<int64_t> age_ms);

// The age at `now` of what was read when `anchor` held, rounded up.
int64_t MillisSince(uint64_t anchor, uint64_t now);

// Whether this member heard of a quorum within an election timeout before `now`.
bool HearsQuorum(Node& node, uint64_t now);

}  // namespace keelson::server
