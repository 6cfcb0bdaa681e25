#include "raft/read_rounds.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "raft/mutants.h"
#include "raft/quorum.h"

namespace keelson::raft {
namespace {

void MoveExpired(std::vector<PendingRead>* from, uint64_t now, std::vector<PendingRead>* to) {
  const auto expired = std::stable_partition(
      from->begin(), from->end(), [&](const PendingRead& read) { return read.deadline > now; });
  std::move(expired, from->end(), std::back_inserter(*to));
  from->erase(expired, from->end());
}

}  // namespace

ReadNonce ReadRounds::Current() const {
  if (!InFlight()) return ReadNonce();
  return ReadNonce{term_, boot_id_, counter_};
}

void ReadRounds::Add(PendingRead read) {
  if (!read.from.IsNone()) {
    std::erase_if(waiting_, [&](const PendingRead& other) { return other.from == read.from; });
  }
  waiting_.push_back(std::move(read));
}

void ReadRounds::Begin(Index commit, uint64_t now) {
  KEELSON_CHECK(!InFlight(), "at most one read round is in flight");
  KEELSON_CHECK(asked_.empty(), "a finished round left reads behind");
  first_ = ++counter_;
  index_ = commit;
  began_at_ = now;
  asked_ = std::exchange(waiting_, {});
}

void ReadRounds::Retry() {
  KEELSON_CHECK(InFlight(), "no round to ask again");
  ++counter_;
}

void ReadRounds::Answered(NodeId voter, const ReadNonce& nonce) {
  if (!InFlight()) return;
  const bool of_this_round = nonce.term == term_ && nonce.boot_id == boot_id_ &&
                             nonce.counter >= first_ && nonce.counter <= counter_;
  if (of_this_round || kMutantStaleReadNonce) answered_.insert(voter);
}

bool ReadRounds::IsConfirmed(const Configuration& configuration, NodeId self,
                             absl::FunctionRef<bool(NodeId)> counts) const {
  if (!InFlight()) return false;
  return HasQuorum(configuration,
                   [&](NodeId id) { return (id == self || answered_.contains(id)) && counts(id); });
}

std::vector<PendingRead> ReadRounds::Finish() {
  KEELSON_CHECK(InFlight(), "no round to finish");
  first_ = 0;
  answered_.clear();
  return std::exchange(asked_, {});
}

std::vector<PendingRead> ReadRounds::Expire(uint64_t now) {
  std::vector<PendingRead> expired;
  MoveExpired(&asked_, now, &expired);
  MoveExpired(&waiting_, now, &expired);
  return expired;
}

std::vector<PendingRead> ReadRounds::TakeAll() {
  std::vector<PendingRead> all = std::exchange(asked_, {});
  std::move(waiting_.begin(), waiting_.end(), std::back_inserter(all));
  waiting_.clear();
  first_ = 0;
  answered_.clear();
  return all;
}

}  // namespace keelson::raft
