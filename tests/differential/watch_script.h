// A watch stream that both servers go through step by step: several watches with every option,
// writes while they run, and a defined end.
//
// When has a watch delivered everything? After the random writes each watched range gets an own put
// and delete of its first key. A watch delivers in the order of revisions, so when it has delivered
// the last of these that passes its filters, it has delivered all before it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proto/etcd/rpc.pb.h"
#include "tests/differential/random.h"
#include "tests/differential/server.h"
#include "tests/differential/world.h"

namespace keelson::differential {

struct WatchScript {
  std::vector<etcdserverpb::WatchCreateRequest> creates;
  int writes = 0;             // random ones, after the creation
  bool ask_progress = false;  // at the end, when every watch has delivered all
  bool cancel_first = false;  // then cancels the first one that runs
  bool cancel_unknown = false;

  std::string Describe() const;
};

WatchScript RandomWatchScript(Random& random, const World& world);

// What is left of a script for a client that can say one thing only: its first watch.
WatchScript OnlyFirst(const WatchScript& script);

// A change that marks the end of what a watch has to deliver.
struct Marker {
  std::string key = {};
  int64_t revision = 0;
  bool is_delete = false;
};

// One server's way through a script. What it said is put down in an order that does not depend on
// timing: answers about watches in their order, changes watch by watch.
class WatchRun {
 public:
  WatchRun(const WatchScript& script, const World& world, std::unique_ptr<WatchStream> stream);

  // Sends the creations and reads until each is answered.
  void Create();

  // The first keys of the ranges of watches that run: where markers are to be written.
  std::vector<std::string> MarkerKeys() const;

  // Reads until each running watch has delivered the last marker that concerns it; then asks for
  // progress and cancels, as the script says.
  void Finish(const std::vector<Marker>& markers);

  // All that was said. Broken promises (a repeated or split revision, ...) are lines of it.
  std::string Transcript() const;

 private:
  struct Running {
    const etcdserverpb::WatchCreateRequest* create;
    std::vector<std::string> changes;
    int64_t last_revision = 0;
  };

  // Reads one answer and puts it down. False at the end of the stream.
  bool ReadOne();
  void TakeControl(const etcdserverpb::WatchResponse& response);
  void TakeChanges(const etcdserverpb::WatchResponse& response);
  int64_t Awaited(const Running& running, const std::vector<Marker>& markers) const;
  bool StartsInTheFuture() const;
  void Broken(int64_t id, const std::string& promise);

  const WatchScript& script_;
  const int64_t revision_at_start_;
  const int64_t compacted_;
  std::unique_ptr<WatchStream> stream_;
  size_t answered_ = 0;  // creations
  size_t compacted_cancels_ = 0;
  bool progress_seen_ = false;
  int64_t canceled_id_ = -1;
  std::map<int64_t, Running> running_;
  std::vector<std::string> finished_changes_;  // of watches that were canceled
  std::vector<std::string> control_;
};

}  // namespace keelson::differential
