// Says which requests were slow, and in which stage; and when the disk was.
//
//   write:  queued -> sent to the log (or the leader) -> committed -> apply begins -> applied
//   read:   asked -> the leader's word -> applied up to it -> read
//
// One line a request, a few lines a second: an overload must not write logs. Keys are shown, as
// etcd does, values never. Loop thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "raft/types.h"
#include "server/log/logger.h"
#include "server/log/rate_limit.h"
#include "server/node/seams.h"

namespace keelson::server {

// Of one write; what has not happened is nullopt.
struct WriteTimes {
  Instant queued;
  std::optional<Instant> sent;
  std::optional<Instant> committed;
  std::optional<Instant> apply_began;
  Instant ended;
};

// Of one linearizable read.
struct ReadTimes {
  Instant asked;
  std::optional<Instant> confirmed;  // by the leader
  Instant ended;                     // applied up to there, or given up
};

// When entries were committed, as this member learned it, until they are applied.
class CommitTimes {
 public:
  // REQUIRES: `last` is above all noted so far, and not later than what was.
  void Note(raft::Index last, Instant at) { marks_.push_back({last, at}); }
  // Forgets what is before `index` and tells when it was committed; nullopt where nobody noted.
  std::optional<Instant> Take(raft::Index index) {
    while (!marks_.empty() && marks_.front().last < index) marks_.pop_front();
    if (marks_.empty()) return std::nullopt;
    return marks_.front().at;
  }

 private:
  struct Mark {
    raft::Index last;
    Instant at;
  };
  std::deque<Mark> marks_;
};

// "put key:\"a\" value_size:3": the request in the bytes of a log entry, without its values.
std::string DescribeEntry(std::string_view entry);

class SlowLog {
 public:
  // Lines in a second.
  static constexpr uint64_t kLines = 10;
  // etcd's, for a sync of the log.
  static constexpr Duration kSlowSync = std::chrono::seconds(1);

  // `logger` outlives it. `slow`: requests that take longer are told.
  SlowLog(const Logger* logger, Duration slow) : logger_(logger), slow_(slow), limit_(kLines) {}

  bool IsSlow(Duration took) const { return took > slow_; }

  // REQUIRES of all: it was slow.
  void Write(const WriteTimes& times, std::string_view entry, const absl::Status& outcome);
  void Read(const ReadTimes& times, const absl::Status& outcome);
  // A long answer that took so long to read, beside the loop.
  void Range(Duration took, std::string_view method, Instant now);
  // Entries of other members' clients.
  void Apply(Duration took, size_t entries, raft::Index last, Instant now);
  void Sync(Duration took, Instant now);

 private:
  bool Allow(Instant now) { return limit_.Allow(now.nanos); }

  const Logger* logger_;
  const Duration slow_;
  RateLimit limit_;
};

}  // namespace keelson::server
