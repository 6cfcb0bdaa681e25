// The store against the model: random requests, reads at every kept revision, flushes, physical
// removal, views held over all of it, crashes and power losses followed by a replay of the log.
//
// Replay one seed: KEELSON_SEED=n build/<dir>/bin/mvcc_test --gtest_filter='*Model*'
#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>

#include "storage/fs/faulty_fs.h"
#include "tests/mvcc/requests.h"

namespace keelson::storage {
namespace {

constexpr uint64_t kSeeds = 12;
constexpr int kRounds = 120;

class World {
 public:
  explicit World(uint64_t seed) : random_(seed), fs_([this] { return disk_random_(); }) {
    disk_random_.seed(seed ^ 0x9e3779b97f4a7c15);
    space_.keys = random_() % 3 == 0 ? 400 : 40;
    EXPECT_EQ(fs_.CreateDirectories("/m"), absl::OkStatus());
    EXPECT_EQ(fs_.SyncDirectory("/"), absl::OkStatus());
    Open();
  }

  void Run() {
    for (int round = 0; round < kRounds && !testing::Test::HasFailure(); ++round) {
      ApplyRandom();
      switch (random_() % 8) {
        case 0:
          RunJob(StartFlush());
          break;
        case 1:
          RunJob(store_->StartDropHistory());
          break;
        case 2:
          while (auto job = store_->StartCompaction()) RunJob(std::move(job));
          break;
        case 3:
          held_.push_back({store_->View(), model_});
          if (held_.size() > 3) held_.pop_front();
          break;
        case 4:
          if (random_() % 3 == 0) PowerFails();
          break;
        default:
          ExpectSame(*store_, model_, random_, space_);
      }
      for (const Held& held : held_) ExpectSame(*held.view, held.model, random_, space_, {5, 1});
    }
    ExpectSame(*store_, model_, random_, space_);
  }

 private:
  struct Held {
    ReadViewPtr view;
    Model model;
  };
  struct Entry {
    std::vector<Request> requests;  // of one log entry: always one; kept for clarity
  };

  void Open() {
    MvccOptions options;
    options.fs = &fs_;
    options.dir = "/m/db";
    options.manual_background = true;
    options.file_bytes = 4 << 10;
    options.block_bytes = 512;
    options.compact_at_l0_files = 2;
    options.count_bucket_keys = 8;
    auto store = MvccStore::Open(options);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  std::unique_ptr<BackgroundJob> StartFlush() {
    auto job = store_->StartFlush();
    EXPECT_TRUE(job.ok()) << job.status();
    return job.ok() ? *std::move(job) : nullptr;
  }

  // The power may fail in the middle of it.
  void RunJob(std::unique_ptr<BackgroundJob> job) {
    if (job == nullptr) return;
    const bool fails = random_() % 6 == 0;
    if (fails) fs_.CutPowerAfter(random_() % 12);
    const absl::Status status = job->Run();
    job.reset();
    if (!fails) {
      EXPECT_TRUE(status.ok()) << status;
    }
    if (fails) PowerFails();
  }

  void ApplyRandom() {
    auto batch = store_->NewBatch();
    const uint64_t requests = 1 + random_() % 30;
    std::string configuration;
    for (uint64_t i = 0; i < requests; ++i) {
      log_.push_back(RandomRequest(random_, space_, model_));
      Execute(log_.back(), *batch, &model_);
    }
    Commit(*batch, log_.size());
    EXPECT_EQ(store_->revision(), model_.revision());
  }

  void Commit(ApplyBatch& batch, size_t index) {
    auto result = batch.Commit({raft::Term(1), raft::Index(index)}, std::to_string(index / 10));
    ASSERT_TRUE(result.ok()) << result.status();
    for (size_t i = 1; i < result->changes.size(); ++i) {
      EXPECT_LT(result->changes[i - 1].rev, result->changes[i].rev);
    }
  }

  void PowerFails() {
    held_.clear();
    auto flushed = store_->flushed_applied();
    if (!fs_.power_is_cut()) fs_.CutPowerAfter(0);
    store_.reset();
    fs_.PowerLoss(random_() % 2 == 0 ? PowerLossMode::kRandom : PowerLossMode::kLoseAll);
    Open();
    ASSERT_NE(store_, nullptr);
    const uint64_t applied = store_->applied().index.value();
    // A flush that was under way may have become durable without RocksDB having learnt it.
    if (flushed.ok()) {
      EXPECT_GE(applied, flushed->index.value());
    }
    ASSERT_LE(applied, log_.size());
    ExpectStateAt(applied);
    Replay(applied);
    ExpectSame(*store_, model_, random_, space_);
  }

  // The state of the store is exactly what the log says up to `applied`.
  void ExpectStateAt(uint64_t applied) {
    FaultyFileSystem scratch([this] { return disk_random_(); });
    MvccOptions options;
    options.fs = &scratch;
    options.dir = "/scratch";
    options.manual_background = true;
    auto other = MvccStore::Open(options);
    ASSERT_TRUE(other.ok()) << other.status();
    Model model;
    auto batch = (*other)->NewBatch();
    for (uint64_t i = 0; i < applied; ++i) Execute(log_[i], *batch, &model);
    ExpectSame(*store_, model, random_, space_);
    if (applied > 0) {
      EXPECT_EQ(store_->configuration(), std::to_string(applied / 10));
    }
  }

  void Replay(uint64_t applied) {
    while (applied < log_.size()) {
      auto batch = store_->NewBatch();
      const uint64_t until = std::min<uint64_t>(log_.size(), applied + 1 + random_() % 20);
      for (; applied < until; ++applied) Execute(log_[applied], *batch, nullptr);
      Commit(*batch, applied);
    }
  }

  std::mt19937_64 random_;
  std::mt19937_64 disk_random_;
  FaultyFileSystem fs_;
  KeySpace space_;
  std::vector<Request> log_;
  Model model_;
  std::deque<Held> held_;
  std::unique_ptr<MvccStore> store_;
};

TEST(MvccModelTest, TheStoreAnswersLikeTheModelThroughCrashesAndCompactions) {
  uint64_t first = 1, last = kSeeds;
  if (const char* seed = std::getenv("KEELSON_SEED"))
    first = last = std::strtoull(seed, nullptr, 10);
  for (uint64_t seed = first; seed <= last && !HasFailure(); ++seed) {
    SCOPED_TRACE("KEELSON_SEED=" + std::to_string(seed));
    World(seed).Run();
  }
}

}  // namespace
}  // namespace keelson::storage
