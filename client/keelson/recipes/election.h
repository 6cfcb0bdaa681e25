// Choosing one leader among candidates, each with a value that says who it is.
//
//   Election election(*session, "scheduler");
//   absl::Status leads = election.Campaign("10.0.0.1:7000");
//   if (leads.ok()) election.fence().Put(client->kv(), "scheduler/plan", plan);
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/keelson/recipes/fence.h"
#include "client/keelson/recipes/lease_session.h"
#include "client/keelson/recipes/wait_options.h"

namespace keelson::client::recipes {

struct Leader {
  std::string value = {};
  // Of the leader's claim: what everybody else may fence by, too.
  Fence fence = {};
  // Of the leader's last word.
  int64_t mod_revision = 0;
};

// One candidate. Guaranteed and not: as Lock. Keys as in etcd's elections ("name/" + lease in hex,
// with the value): etcdctl elect, Go's concurrency.Election and the Election service take part in
// the same election.
//
// For one thread at a time; the session must outlive it.
class Election {
 public:
  // One candidate per name and session.
  Election(LeaseSession& session, const std::string& name);
  // Resigns, trying for some seconds.
  ~Election();
  Election(const Election&) = delete;
  Election& operator=(const Election&) = delete;

  // Waits until this candidate leads. Failures as of Lock::Acquire.
  absl::Status Campaign(const std::string& value, const WaitOptions& wait = {});

  // Changes the value without a new election. FailedPrecondition if it leads no more. With outcome
  // unknown the value may be either; a later Proclaim is not undone by it.
  absl::Status Proclaim(const std::string& value, const WaitOptions& wait = {});

  // Gives leadership, or the place among the candidates, to the next. As Lock::Release.
  absl::Status Resign();

  // What is known here, without asking.
  bool IsLeader() const;

  // What to fence a leader's writes with; that of nobody where it has not won.
  Fence fence() const;

  // Who leads now, in a linearizable read; nobody if there is no candidate.
  static absl::StatusOr<std::optional<Leader>> Current(const Client& client,
                                                       const std::string& name,
                                                       const CallOptions& call = {});

 private:
  const std::unique_ptr<internal::Claim> claim_;
};

// Follows who leads, without being a candidate. For one thread at a time; the client must outlive
// it.
class LeaderObserver {
 public:
  LeaderObserver(const Client& client, const std::string& name);
  ~LeaderObserver();
  LeaderObserver(const LeaderObserver&) = delete;
  LeaderObserver& operator=(const LeaderObserver&) = delete;

  // First who leads now; then, each time, the next change: another leader, another value, nobody.
  // All of them in order, but for those in history that was compacted away before it was seen.
  // Failures: DeadlineExceeded, Cancelled, and what the cluster refuses; it may be called again.
  absl::StatusOr<std::optional<Leader>> Next(const WaitOptions& wait = {});

 private:
  class Line;
  const std::unique_ptr<Line> line_;
};

}  // namespace keelson::client::recipes
