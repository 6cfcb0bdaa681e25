// How old an answer may be, and how old it was.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/time/time.h"

namespace keelson::client {

// What a read (Kv, TimeToLive and List of Leases, List of Cluster) asks of its answer, besides what
// its own options say. Part of CallOptions; calls that write take no notice of it.
struct ReadOptions {
  // The answer may be so old at most. It concerns stale answers alone: those asked for with
  // GetOptions::serializable, and what `stale_ok` falls back to. A member that can't promise it is
  // left for another one; if none can, the read fails with FailedPrecondition and the age that was
  // on offer. A member that does not say how old its answers are (etcd) can't promise anything.
  std::optional<absl::Duration> max_age = {};

  // The answer is of this revision of the store or a later one: waits for it within the deadline.
  int64_t min_revision = 0;

  // A linearizable read that gets no answer because no quorum does is answered from what one member
  // has, and says so (Freshness::linearizable). The first such read looks for a quorum for half of
  // its time, at most a second; those that follow are answered at once, while the client goes on
  // looking in the background and is linearizable again as soon as a quorum answers.
  bool stale_ok = false;
};

// What is known of an answer's age.
struct Freshness {
  // Every write acknowledged so long before the answer arrived, or longer, is visible in it.
  // Unknown where the member does not say: etcd's stale answers, and a Keelson member's until it
  // has heard from a quorum since its start.
  std::optional<absl::Duration> age = {};
  // Whether the member that answered knew of a quorum then. False where it does not say.
  bool quorum = false;
  // Whether all that was acknowledged before the call began is visible.
  bool linearizable = false;
  // The store's revision that the answer is of.
  int64_t revision = 0;
};

}  // namespace keelson::client
