// Random operations, power cut at every write and sync: nothing acknowledged is lost, term and vote
// never go back, nothing appears that was not written, and recovery never refuses a torn log.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "tests/wal/wal_harness.h"
#include "tests/wal/wal_shadow.h"

namespace keelson::storage {
namespace {

using raft::EntryId;
using raft::Index;
using raft::Term;

uint64_t FromEnvironment(const char* name, uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 0);
}

class Scenario {
 public:
  // `fault_seed` decides what survives; `seed` decides what is done.
  Scenario(uint64_t seed, uint64_t fault_seed)
      : random_(seed), faults_(fault_seed), log_(fault_seed) {
    log_.options.random = Seeded(seed + 77);
    log_.options.method = seed % 4 == 0 ? SyncMethod::kDsync : SyncMethod::kFdatasync;
    log_.options.ready_segments = 1 + seed % 3;
  }

  uint64_t changes() {
    const DiskCounters counters = log_.fs.counters();
    uint64_t changes = 0;
    for (size_t op = 0; op < kDiskOps; ++op) changes += counters.operations[op];
    return changes - counters.operations[static_cast<size_t>(DiskOp::kRead)];
  }

  FaultyFileSystem& fs() { return log_.fs; }
  uint64_t recoveries() const { return recoveries_; }
  uint64_t torn_tails() const { return torn_tails_; }
  uint64_t in_flight_kept() const { return in_flight_kept_; }

  void RunSteps(int steps) {
    Recover();
    for (int step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
      if (error_one_in_ > 0 && faults_() % error_one_in_ == 0) {
        log_.fs.FailNth(static_cast<DiskOp>(faults_() % kDiskOps), 1 + faults_() % 4, ".wal");
      }
      Step();
      if (log_.fs.power_is_cut() || !log_.wal->status().ok()) EndOfPower();
    }
  }

  void EndOfPower() {
    killed_only_ = faults_() % 4 == 0;
    base_ = log_.wal->base().index;
    log_.wal.reset();
    job_.reset();
    if (killed_only_) {
      log_.fs.Crash();
    } else {
      log_.fs.PowerLoss();
    }
    Recover();
  }

  void CutEvery(uint64_t most) { cut_most_ = most; }
  // An I/O error in about every `one_in`-th step: the process stops and is started again.
  void FailEvery(uint64_t one_in) { error_one_in_ = one_in; }
  uint64_t errors() {
    uint64_t errors = 0;
    for (uint64_t count : log_.fs.counters().injected_errors) errors += count;
    return errors;
  }

 private:
  uint64_t Draw(uint64_t bound) { return random_() % bound; }

  void Step() {
    switch (Draw(12)) {
      case 0:
      case 1:
      case 2:
        return AppendEntries();
      case 3:
        return ReplaceSuffix();
      case 4:
        return ChangeHardState();
      case 5:
      case 6:
        return TakeWrite();
      case 7:
      case 8:
        return FinishWrite();
      case 9:
        return Commit();
      case 10:
        return Draw(4) == 0 ? InstallSnapshot() : Release();
      default:
        (void)log_.Upkeep();
    }
  }

  size_t PayloadBytes() {
    switch (Draw(8)) {
      case 0:
        return 0;
      case 1:
        return 600 + Draw(3000);
      case 2:
        return Draw(20) == 0 ? 40000 : 1030;
      default:
        return Draw(80);
    }
  }

  void Append(uint64_t first, uint64_t count, Term term) {
    raft::PersistBatch batch;
    batch.seq = log_.next_seq++;
    batch.must_sync = true;
    for (uint64_t i = first; i < first + count; ++i) {
      batch.entries.push_back(
          EntryAt(i, term.value(), PayloadFor(i, term.value(), PayloadBytes())));
    }
    if (term != logical_.hard.term) {
      batch.hard_state = raft::HardState{term, raft::NodeId(), logical_.hard.commit};
    }
    logical_.Apply(batch);
    log_.wal->Append(std::move(batch));
  }

  void AppendEntries() {
    Append(logical_.last().index.value() + 1, 1 + Draw(6), std::max(logical_.hard.term, Term(1)));
  }

  void ReplaceSuffix() {
    const uint64_t commit = std::max(logical_.hard.commit, logical_.reset.index).value();
    const uint64_t last = logical_.last().index.value();
    if (last == commit) return;
    Append(commit + 1 + Draw(last - commit), 1 + Draw(3), logical_.hard.term.Next());
  }

  void ChangeHardState() {
    raft::PersistBatch batch;
    batch.seq = log_.next_seq++;
    batch.must_sync = true;
    batch.hard_state =
        raft::HardState{logical_.hard.term.Next(), raft::NodeId(1 + Draw(3)), logical_.hard.commit};
    logical_.Apply(batch);
    log_.wal->Append(std::move(batch));
  }

  void Commit() {
    raft::PersistBatch batch;
    batch.seq = log_.next_seq++;
    const Index last = logical_.last().index;
    const Index commit = logical_.hard.commit + Draw(last - logical_.hard.commit + 1);
    batch.hard_state = raft::HardState{logical_.hard.term, logical_.hard.vote, commit};
    logical_.Apply(batch);
    log_.wal->Append(std::move(batch));
    if (log_.wal->WriteCommit(commit).ok() && !job_ && logical_.last() == acked_.last()) {
      promised_ = std::max(promised_, commit);
    }
  }

  void TakeWrite() {
    if (job_) return;
    job_ = log_.wal->TakeWrite();
    if (job_) taken_ = logical_;
  }

  void FinishWrite() {
    if (!job_) TakeWrite();
    if (!job_) return;
    (void)job_->Run();
    if (!log_.wal->WriteDone(std::move(job_)).ok()) return;
    acked_ = *taken_;
    taken_.reset();
  }

  void InstallSnapshot() {
    if (job_) return;
    const EntryId snapshot{logical_.hard.term, logical_.last().index + Draw(30) + 1};
    if (snapshot.term.IsNone()) return;
    raft::HardState hard = logical_.hard;
    hard.commit = snapshot.index;
    logical_.Reset(snapshot, hard);
    log_.wal->SaveSnapshotMarker(snapshot, hard);
  }

  void Release() {
    const uint64_t commit = std::min(acked_.hard.commit, log_.wal->durable_last()).value();
    log_.wal->Release(Index(commit - std::min(commit, Draw(10))));
  }

  void Recover() {
    while (true) {
      if (cut_most_ > 0) log_.fs.CutPowerAfter(faults_() % cut_most_);
      const uint64_t errors_before = errors();
      absl::Status status = log_.Open();
      if (status.ok()) break;
      if (log_.fs.power_is_cut()) {
        log_.fs.PowerLoss();
        killed_only_ = false;
      } else {
        ASSERT_GT(errors(), errors_before) << status;
        log_.fs.Crash();
      }
    }
    ++recoveries_;
    if (log_.recovery.cut_torn_tail) ++torn_tails_;
    Judge();
  }

  // Reads again what an injected error hid.
  std::string Compare(const ShadowState& state) {
    while (true) {
      const uint64_t errors_before = errors();
      std::string difference = Difference(*log_.wal, log_.recovery, state);
      if (errors() == errors_before) return difference;
    }
  }

  void Judge() {
    const WalRecovery& found = log_.recovery;
    std::string difference = Compare(acked_);
    const ShadowState* chosen = &acked_;
    if (!difference.empty() && taken_.has_value()) {
      const std::string other = Compare(*taken_);
      if (other.empty()) ++in_flight_kept_;
      if (other.empty()) chosen = &*taken_;
      difference = other.empty() ? "" : difference + " / with the write in flight: " + other;
    }
    EXPECT_LE(found.base.index, std::max(base_, chosen->reset.index)) << "entries are missing";
    ASSERT_EQ(difference, "") << "neither what was acknowledged nor that and the write in flight";
    EXPECT_GE(found.hard_state.commit, chosen->hard.commit);
    if (killed_only_) {
      EXPECT_GE(found.hard_state.commit, promised_) << "SIGKILL took it back";
    }
    EXPECT_LE(found.hard_state.commit, std::max(logical_.hard.commit, found.base.index));
    EXPECT_FALSE(found.commit_may_be_behind);
    acked_ = ShadowState(*chosen);
    acked_.hard.commit = found.hard_state.commit;
    promised_ = acked_.hard.commit;
    logical_ = acked_;
    taken_.reset();
  }

  std::mt19937_64 random_;
  std::mt19937_64 faults_;
  WalHarness log_;
  std::unique_ptr<WalWrite> job_;
  ShadowState logical_;               // everything appended
  ShadowState acked_;                 // what WriteDone confirmed
  std::optional<ShadowState> taken_;  // what a write in flight would add
  Index promised_;                    // by WriteCommit
  Index base_;                        // of the log before the last end of power
  bool killed_only_ = false;
  uint64_t cut_most_ = 0;
  uint64_t error_one_in_ = 0;
  uint64_t recoveries_ = 0;
  uint64_t torn_tails_ = 0;
  uint64_t in_flight_kept_ = 0;
};

std::string Replay(uint64_t seed, const std::string& test) {
  return "replay: KEELSON_SEED=" + std::to_string(seed) +
         " KEELSON_ROUNDS=1 wal_crash_test --gtest_filter=" + test;
}

TEST(WalPowerLoss, CutAtRandomMomentsOverManyLivesNothingAcknowledgedIsLost) {
  const uint64_t first = FromEnvironment("KEELSON_SEED", 1);
  const uint64_t rounds = FromEnvironment("KEELSON_ROUNDS", 400);
  uint64_t recoveries = 0;
  uint64_t torn = 0;
  uint64_t kept = 0;
  for (uint64_t seed = first; seed < first + rounds; ++seed) {
    SCOPED_TRACE(Replay(seed, "*CutAtRandomMoments*"));
    Scenario scenario(seed, seed * 31 + 7);
    scenario.CutEvery(60);
    scenario.RunSteps(400);
    recoveries += scenario.recoveries();
    torn += scenario.torn_tails();
    kept += scenario.in_flight_kept();
    if (testing::Test::HasFailure()) return;
  }
  std::printf("%llu recoveries, %llu torn tails cut, %llu writes in flight kept\n",
              static_cast<unsigned long long>(recoveries), static_cast<unsigned long long>(torn),
              static_cast<unsigned long long>(kept));
  if (rounds < 100) return;
  EXPECT_GT(torn, 0u);
  EXPECT_GT(kept, 0u);
}

// A failed sync leaves pages that read well and are gone after the next power loss.
TEST(WalPowerLoss, WithIoErrorsInTheMixNothingAcknowledgedIsLost) {
  const uint64_t first = FromEnvironment("KEELSON_SEED", 1);
  const uint64_t rounds = FromEnvironment("KEELSON_ROUNDS", 200);
  uint64_t errors = 0;
  for (uint64_t seed = first; seed < first + rounds; ++seed) {
    SCOPED_TRACE(Replay(seed, "*WithIoErrors*"));
    Scenario scenario(seed, seed * 37 + 11);
    scenario.CutEvery(200);
    scenario.FailEvery(15);
    scenario.RunSteps(300);
    errors += scenario.errors();
    if (testing::Test::HasFailure()) return;
  }
  std::printf("%llu I/O errors\n", static_cast<unsigned long long>(errors));
  EXPECT_GT(errors, rounds);
}

TEST(WalPowerLoss, CutAtEveryChangeOfTheDiskTheLogComesBack) {
  const uint64_t first = FromEnvironment("KEELSON_SEED", 1);
  const uint64_t rounds = FromEnvironment("KEELSON_ROUNDS", 6);
  constexpr int kSteps = 150;
  constexpr uint64_t kSubsets = 6;
  for (uint64_t seed = first; seed < first + rounds; ++seed) {
    SCOPED_TRACE(Replay(seed, "*CutAtEveryChange*"));
    Scenario dry(seed, 1);
    dry.RunSteps(kSteps);
    const uint64_t changes = dry.changes();
    for (uint64_t cut = 0; cut <= changes; ++cut) {
      for (uint64_t subset = 0; subset < kSubsets; ++subset) {
        SCOPED_TRACE("cut after " + std::to_string(cut) + ", subset " + std::to_string(subset));
        Scenario scenario(seed, 1 + subset * 7919 + cut);
        scenario.fs().CutPowerAfter(cut);
        scenario.RunSteps(kSteps);
        scenario.EndOfPower();
        if (testing::Test::HasFailure()) return;
      }
    }
  }
}

}  // namespace
}  // namespace keelson::storage
