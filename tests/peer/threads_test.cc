// Three members, each with a loop and a thread of its own, as in production but in one process; for
// the thread sanitizer above all.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "server/loop/thread_runner.h"
#include "tests/peer/test_member.h"

namespace keelson::server {
namespace {

class ThreadedMember {
 public:
  explicit ThreadedMember(uint64_t id) : member_(loop_, TestIdentity(id)), runner_(loop_) {
    loop_.OnTurnEnd([this] { member_.network->Flush(); });
    runner_.Start();
  }

  TestMember& member() { return member_; }

  // Sends `count` appends to each of `others`, each after a job of the WAL lane, and runs until as
  // many have arrived from each of them.
  void Run(std::vector<raft::NodeId> others, int count) {
    thread_ = std::thread([this, others = std::move(others), count] {
      const size_t expected = others.size() * static_cast<size_t>(count);
      int sent = 0;
      std::function<void()> send = [&] {
        for (const raft::NodeId to : others) {
          if (!member_.network->Stats().at(to).connected) return Again(send);
        }
        for (const raft::NodeId to : others) {
          raft::Message append = MakeAppend(3, 2000);
          append.from = member_.id;
          append.to = to;
          EXPECT_TRUE(member_.network->Send(to, append));
        }
        if (++sent < count)
          runner_.Run(
              Runner::Lane::kWal, [] {}, send);
      };
      loop_.Post(send);
      while (sent < count || member_.received.size() < expected) loop_.RunTurn();
      done_ = true;
      done_.notify_all();
      // The others may still be busy with what this one sent: stays until told.
      loop_.Run();
      member_.network = nullptr;
    });
  }

  void WaitUntilDone() const { done_.wait(false); }
  void Stop() {
    loop_.Stop();
    thread_.join();
    runner_.Stop();
  }

 private:
  void Again(const std::function<void()>& task) { loop_.After(std::chrono::milliseconds(1), task); }

  AsioLoop loop_;
  TestMember member_;
  ThreadRunner runner_;
  std::thread thread_;
  std::atomic<bool> done_ = false;
};

TEST(PeerThreads, ThreeMembersOnThreadsOfTheirOwnExchangeAppends) {
  constexpr int kAppends = 300;
  std::vector<std::unique_ptr<ThreadedMember>> members;
  std::map<raft::NodeId, std::vector<std::string>> urls;
  for (uint64_t id = 1; id <= 3; ++id) {
    members.push_back(std::make_unique<ThreadedMember>(id));
    urls[raft::NodeId(id)] = {members.back()->member().url()};
  }
  for (const auto& member : members) {
    member->member().network->SetPeers(urls);
    std::vector<raft::NodeId> others;
    for (const auto& [id, url] : urls) {
      if (id != member->member().id) others.push_back(id);
    }
    member->Run(std::move(others), kAppends);
  }
  for (const auto& member : members) member->WaitUntilDone();
  for (const auto& member : members) member->Stop();
  for (const auto& member : members) {
    EXPECT_EQ(member->member().received.size(), 2u * kAppends);
    EXPECT_TRUE(member->member().faults.empty());
  }
}

}  // namespace
}  // namespace keelson::server
