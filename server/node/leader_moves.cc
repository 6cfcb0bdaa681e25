#include "server/node/leader_moves.h"

#include <utility>

#include "server/apply/errors.h"

namespace keelson::server {

void LeaderMoves::Add(raft::NodeId target, Done done, Instant now) {
  if (!core_.IsLeader()) return done(errors::NotLeader());
  // To the core no target is any target.
  if (target.IsNone() || !core_.TransferLeadership(target).ok()) {
    return done(errors::BadLeaderTransferee());
  }
  if (target == core_.id()) return done(absl::OkStatus());
  moves_.push_back({target, std::move(done), now + limit_});
}

void LeaderMoves::Settle(Instant now) {
  if (moves_.empty()) return;
  std::vector<std::pair<Done, absl::Status>> over;
  std::erase_if(moves_, [&](Move& move) {
    const bool leads = core_.leader() == move.target;
    if (!leads && now < move.give_up) return false;
    over.emplace_back(std::move(move.done),
                      leads ? absl::OkStatus() : errors::LeaderTransferTimedOut());
    return true;
  });
  for (auto& [done, status] : over) done(status);
}

void LeaderMoves::FailAll(const absl::Status& status) {
  for (Move& move : std::exchange(moves_, {})) move.done(status);
}

}  // namespace keelson::server
