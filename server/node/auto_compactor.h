// Says when a cluster drops history by itself, and up to which revision, by etcd's two rules:
//
//   periodic  keeps `period` of history. Every member takes a sample of the revision, ten in a
//   period
//             (or in an hour, where the period is longer); the leader compacts to what the oldest
//             sample says, once in a period (or an hour).
//   revision  keeps `revisions` revisions; the leader compacts every five minutes.
//
// All members sample, so that a new leader goes on where the last one was; a restarted one begins
// anew, and has `period` to wait. Pure: time comes in. Loop thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "server/node/node_options.h"
#include "server/node/seams.h"

namespace keelson::server {

class AutoCompactor {
 public:
  static constexpr Duration kRevisionInterval = std::chrono::minutes(5);

  AutoCompactor(const AutoCompaction& policy, Instant now);

  // The revision to compact to now, if it is time. `revision`: the store's; `leads`: this member
  // does. Once it was told, nothing more comes before Done. Call it often: it samples by itself.
  std::optional<int64_t> Tick(Instant now, int64_t revision, bool leads);

  // What Tick said was done (or had been before): counts from now. If not, it is tried again at the
  // next sample.
  void Done(Instant now, bool compacted);

 private:
  std::optional<int64_t> DuePeriodic(Instant now, int64_t revision);
  std::optional<int64_t> DueByRevision(int64_t revision) const;

  const AutoCompaction policy_;
  Duration interval_;      // between compactions
  Duration sample_every_;  // and between looks at what is due
  size_t samples_kept_;
  std::deque<int64_t> samples_;  // oldest first
  Instant next_sample_;
  Instant last_compaction_;
  int64_t last_revision_ = 0;
  std::optional<int64_t> under_way_;
};

}  // namespace keelson::server
