// A follower's reads: one question to the leader for all that wait, asked again under a new nonce
// until it is answered. Survives changes of the leader: the answer of any leader will do, since the
// nonce shows that it was given after the question. Owned by the core, same thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "raft/message.h"
#include "raft/read_rounds.h"
#include "raft/types.h"

namespace keelson::raft {

class ForwardedReads {
 public:
  explicit ForwardedReads(uint64_t boot_id) : boot_id_(boot_id) {}

  bool IsEmpty() const { return asked_.empty() && waiting_.empty(); }
  bool InFlight() const { return !asked_.empty(); }
  bool ShouldAsk() const { return asked_.empty() && !waiting_.empty(); }

  void Add(PendingRead read) { waiting_.push_back(read); }
  // Puts the waiting reads into a question, or asks the running one again.
  // REQUIRES: not IsEmpty().
  ReadNonce Ask(Term term);
  // The reads that the answer to `nonce` settles; none if it belongs to no running question.
  std::vector<PendingRead> Answered(const ReadNonce& nonce);
  std::vector<PendingRead> Expire(uint64_t now);
  // This member leads now and confirms them itself.
  std::vector<PendingRead> TakeAll();

 private:
  uint64_t boot_id_;
  uint64_t counter_ = 0;
  uint64_t first_ = 0;  // first counter of the running question
  std::vector<PendingRead> asked_;
  std::vector<PendingRead> waiting_;
};

}  // namespace keelson::raft
