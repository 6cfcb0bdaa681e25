// Linearizable reads that wait: for the leader's word that nothing newer was acknowledged
// (ReadIndex, Raft thesis 6.4), then for this member to have applied up to that index.
//
// All reads that arrive in one turn of the loop ask as one. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "raft/types.h"
#include "server/node/seams.h"

namespace keelson::server {

class Reads {
 public:
  // OK: the state applied now may be read. Else the error that the client is to see.
  using Done = std::function<void(absl::Status)>;

  // Without an answer for so long a read fails: with a leader, and without one.
  struct Limits {
    Duration total = std::chrono::seconds(7);
    Duration leaderless = std::chrono::milliseconds(3000);
  };

  explicit Reads(Limits limits) : limits_(limits) {}

  void Add(Done done, Instant now) { fresh_.push_back({std::move(done), now}); }

  // At the end of a turn: hands `request` one context for all reads that came in since the last
  // call or that have to be asked again.
  void Ask(const std::function<void(uint64_t context)>& request);

  // The core's answers to a context.
  void Confirmed(uint64_t context, raft::Index index);
  void Failed(uint64_t context);

  // Serves what may be served at `applied`. A read served may add further ones.
  void Serve(raft::Index applied);

  void Expire(Instant now, bool has_leader);
  void FailAll(const absl::Status& status);

  size_t size() const;

 private:
  struct Read {
    Done done;
    Instant since;
  };
  using Batch = std::vector<Read>;

  void ExpireIn(Batch* batch, Instant now, bool has_leader,
                std::vector<std::pair<Done, absl::Status>>* expired);

  Limits limits_;
  uint64_t last_context_ = 0;
  Batch fresh_;
  std::map<uint64_t, Batch> asked_;         // by context
  std::map<raft::Index, Batch> confirmed_;  // by the index to wait for
};

}  // namespace keelson::server
