// Linearizable reads that wait: for the leader's word that nothing newer was acknowledged
// (ReadIndex, Raft thesis 6.4), then for this member to have applied up to that index.
//
// All reads that arrive in one turn of the loop ask as one. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "raft/types.h"
#include "server/node/seams.h"
#include "server/node/slow_log.h"

namespace keelson::server {

class Reads {
 public:
  // OK: the state applied now may be read. Else the error that the client is to see.
  using Done = std::function<void(absl::Status)>;

  // Without an answer for so long a read fails: with a leader, and without one.
  struct Limits {
    Duration total = std::chrono::seconds(7);
    Duration leaderless = std::chrono::milliseconds(3000);
    Duration slow = Duration::max();  // served or given up later is told as slow
  };

  using OnSlow = std::function<void(const ReadTimes& times, const absl::Status&)>;

  explicit Reads(Limits limits, OnSlow on_slow = {})
      : limits_(limits), on_slow_(std::move(on_slow)) {}

  void Add(Done done, Instant now) { fresh_.push_back({std::move(done), now, {}}); }

  // At the end of a turn: hands `request` one context for all reads that came in since the last
  // call or that have to be asked again.
  void Ask(const std::function<void(uint64_t context)>& request);

  // The core's answers to a context.
  void Confirmed(uint64_t context, raft::Index index, Instant now);
  void Failed(uint64_t context);

  // Serves what may be served at `applied`. A read served may add further ones.
  void Serve(raft::Index applied, Instant now);

  void Expire(Instant now, bool has_leader);
  void FailAll(const absl::Status& status);

  size_t size() const;
  // Questions to the leader that were answered late, and that were not answered.
  uint64_t slow_total() const { return slow_total_; }
  uint64_t failed_total() const { return failed_total_; }

 private:
  struct Read {
    Done done;
    Instant since;
    std::optional<Instant> confirmed;
  };
  using Batch = std::vector<Read>;

  void TellIfSlow(const Read& read, Instant now, const absl::Status& outcome);
  void ExpireIn(Batch* batch, Instant now, bool has_leader,
                std::vector<std::pair<Done, absl::Status>>* expired);

  Limits limits_;
  OnSlow on_slow_;
  uint64_t slow_total_ = 0;
  uint64_t failed_total_ = 0;
  uint64_t last_context_ = 0;
  Batch fresh_;
  std::map<uint64_t, Batch> asked_;         // by context
  std::map<raft::Index, Batch> confirmed_;  // by the index to wait for
};

}  // namespace keelson::server
