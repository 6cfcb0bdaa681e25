// Interprets a transcript: lines beginning with "> " are commands to a Cluster, the lines after one
// are what it prints. Lines beginning with "#", and empty ones, are kept as they are.
//
//   > cluster 1 2 3 [learners=4,5] [max_message_bytes=200] [inflight_bytes=..] [pre_vote=0] ...
//   > tick ID [N] | turn ID | persist ID [N] | settle | elect ID | run TICKS
//   > deliver [A->B ...] | drop [A->B ...] | net          without pairs: all messages in flight
//   > propose ID TEXT | read ID CONTEXT | transfer ID TO | compact ID | status [ID]
//   > change ID add-learner|add-voter|promote|demote|remove MEMBER ...
//   > join ID | stop ID [COMPLETED] [power-loss] | start ID | cut A B | isolate ID | heal
//   > snapshot LEADER PEER [lost] | install ID
//   > stick ID | free ID | close ID PEER | unreachable ID PEER
#pragma once

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/raft/harness/cluster.h"

namespace keelson::raft::testing {

class Transcript {
 public:
  // Runs all commands of `text` and returns it with their present output.
  std::string Play(const std::string& text);

 private:
  using Words = std::vector<std::string>;
  std::string Run(const Words& words);
  bool RunInput(const Words& words);
  bool RunFault(const Words& words);
  bool RunMovement(const Words& words);
  void Start(const Words& words);
  void Propose(const Words& words);
  void Change(const Words& words);
  void PrintReady(const Ready& ready);
  void PrintStatus(uint64_t id);
  void Move(const Words& words, bool deliver);
  Cluster& cluster() { return *cluster_; }

  std::unique_ptr<Cluster> cluster_;
  std::ostringstream out_;
};

}  // namespace keelson::raft::testing
