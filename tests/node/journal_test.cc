// What waits for the disk leaves once it is there, and not before.
#include "server/node/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "tests/sim/sim_loop.h"
#include "tests/wal/wal_harness.h"

namespace keelson::server {
namespace {

using storage::EntryAt;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Its live clock goes on by `step` each time it is read.
class SteppingLoop final : public Loop {
 public:
  Instant Now() const override { return {1000}; }
  uint64_t BootNanos() const override { return 0; }
  uint64_t LiveMicros() const override { return micros += step; }
  TimerId After(Duration, std::function<void()>) override { return 0; }
  void Cancel(TimerId) override {}
  void Post(std::function<void()>) override {}
  mutable uint64_t micros = 0;
  uint64_t step = 0;
};

class QueueRunner final : public Runner {
 public:
  void Run(Lane, std::function<void()> work, std::function<void()> done) override {
    jobs.emplace_back(std::move(work), std::move(done));
  }
  void RunOne() {
    auto job = std::move(jobs.front());
    jobs.pop_front();
    job.first();
    job.second();
  }
  std::deque<std::pair<std::function<void()>, std::function<void()>>> jobs;
};

class JournalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log_.MustOpen();
    journal_ = std::make_unique<Journal>(
        log_.wal.get(), &runner_, &loop_,
        Journal::Events{.on_persisted = [this](uint64_t seq) { persisted_.push_back(seq); },
                        .on_released =
                            [this](std::vector<raft::Message> messages) {
                              for (const raft::Message& message : messages) {
                                released_.push_back(message.term.value());
                              }
                            },
                        .on_synced = [this](Duration took) { synced_.push_back(took); },
                        .on_no_space = [this] { ++no_space_; },
                        .on_failed = [this](const absl::Status&) { ++failed_; }});
  }
  // An entry, and a message that waits for it.
  void Add(size_t bytes = 20) {
    raft::PersistBatch batch;
    batch.seq = ++seq_;
    batch.must_sync = true;
    batch.entries = {EntryAt(seq_, 1, storage::PayloadFor(seq_, 1, bytes))};
    raft::Message message;
    message.term = raft::Term(seq_);
    journal_->Add(std::move(batch), {message});
  }

  // Over a log of one entry, at rest.
  void SaveMarker(bool* done) {
    Add();
    journal_->Kick();
    runner_.RunOne();
    journal_->SaveMarker({raft::Term(2), raft::Index(50)}, storage::Hard(2, 0, 50),
                         [done] { *done = true; });
  }

  storage::WalHarness log_;
  SteppingLoop loop_;
  QueueRunner runner_;
  std::unique_ptr<Journal> journal_;
  uint64_t seq_ = 0;
  std::vector<uint64_t> persisted_;
  std::vector<uint64_t> released_;
  std::vector<Duration> synced_;
  int no_space_ = 0;
  int failed_ = 0;
};

TEST_F(JournalTest, OneWriteIsInFlightAndTakesAllThatQueuedMeanwhile) {
  Add();
  journal_->Kick();
  Add();
  Add();
  journal_->Kick();
  EXPECT_EQ(runner_.jobs.size(), 1u);
  EXPECT_TRUE(journal_->writing_since().has_value());
  EXPECT_THAT(released_, IsEmpty());
  runner_.RunOne();
  EXPECT_THAT(persisted_, ElementsAre(1u));
  EXPECT_THAT(released_, ElementsAre(1u));
  journal_->Kick();
  runner_.RunOne();
  EXPECT_THAT(persisted_, ElementsAre(1u, 3u));
  EXPECT_THAT(released_, ElementsAre(1u, 2u, 3u));
  EXPECT_FALSE(journal_->writing_since().has_value());
  journal_->Kick();
  EXPECT_THAT(runner_.jobs, IsEmpty()) << "nothing is left to write";
}

TEST_F(JournalTest, HowLongAWriteTookIsMeasuredWhereItRuns) {
  loop_.step = 2'000'000;
  Add();
  journal_->Kick();
  runner_.RunOne();
  EXPECT_THAT(synced_, ElementsAre(std::chrono::seconds(2)));
}

TEST_F(JournalTest, AFullDiskKeepsTheBatchUntilItIsTriedAgain) {
  log_.fs.SetCapacity(log_.fs.UsedBytes());
  for (int i = 0; i < 20; ++i) Add(4000);
  journal_->Kick();
  runner_.RunOne();
  EXPECT_EQ(no_space_, 1);
  EXPECT_TRUE(journal_->disk_full());
  EXPECT_THAT(released_, IsEmpty());
  journal_->Kick();
  EXPECT_THAT(runner_.jobs, IsEmpty()) << "not before there may be room";
  log_.fs.SetCapacity(uint64_t{1} << 40);
  journal_->Retry();
  runner_.RunOne();
  EXPECT_THAT(persisted_, ElementsAre(20u));
  EXPECT_EQ(released_.size(), 20u);
  EXPECT_EQ(failed_, 0);
}

TEST_F(JournalTest, WhoWaitsForRestIsCalledOnceEverythingIsThere) {
  int called = 0;
  journal_->WhenIdle([&called] { ++called; });
  EXPECT_EQ(called, 1) << "at once where nothing is to be written";
  Add();
  journal_->WhenIdle([&called] { ++called; });
  journal_->Kick();
  EXPECT_EQ(called, 1);
  runner_.RunOne();
  EXPECT_EQ(called, 2);
}

TEST_F(JournalTest, AMarkerReplacesTheLog) {
  bool done = false;
  SaveMarker(&done);
  EXPECT_FALSE(done);
  runner_.RunOne();
  EXPECT_TRUE(done);
  EXPECT_EQ(log_.wal->base(), (raft::EntryId{raft::Term(2), raft::Index(50)}));
}

TEST_F(JournalTest, ABatchBesideAMarkerDoesNotTakeItsCommitIndexBack) {
  bool done = false;
  SaveMarker(&done);
  raft::PersistBatch vote;
  vote.seq = ++seq_;
  vote.must_sync = true;
  vote.hard_state = storage::Hard(3, 2, 1);
  journal_->Add(std::move(vote), {});
  runner_.RunOne();
  EXPECT_TRUE(done);
  journal_->Kick();
  runner_.RunOne();
  EXPECT_THAT(persisted_, ElementsAre(1u, 2u));
  log_.LosePowerAndOpen();
  EXPECT_EQ(log_.recovery.hard_state, storage::Hard(3, 2, 50));
}

}  // namespace
}  // namespace keelson::server
