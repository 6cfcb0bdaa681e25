// The log on a real disk: appending and syncing groups of 1, 32 and 256 entries, reading them back,
// recovering them.
//
//   wal_bench            in a new directory below the current one
//   KEELSON_BENCH_DIR=/disk/to/measure wal_bench
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "storage/fs/posix_fs.h"
#include "storage/wal/wal.h"

namespace keelson::storage {
namespace {

class BenchDir {
 public:
  BenchDir() {
    const char* root = getenv("KEELSON_BENCH_DIR");
    std::string pattern = std::string(root != nullptr ? root : ".") + "/wal-bench-XXXXXX";
    KEELSON_CHECK(mkdtemp(pattern.data()) != nullptr, "the directory to measure must be writable");
    path_ = pattern;
  }
  ~BenchDir() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class BenchLog {
 public:
  explicit BenchLog(SyncMethod method) { Open(method); }

  void Open(SyncMethod method) {
    wal_.reset();
    seq_ = 0;
    WalOptions options;
    options.identity = {.cluster_id = 1, .member_id = 2};
    options.method = method;
    options.random = [this] { return random_(); };
    WalRecovery recovery;
    auto wal = Wal::Open(&fs_, dir_.path(), options, &recovery);
    KEELSON_CHECK(wal.ok(), "the log opens");
    wal_ = std::move(*wal);
  }

  void Append(size_t count, const std::shared_ptr<const std::string>& payload) {
    raft::PersistBatch batch;
    batch.seq = ++seq_;
    batch.must_sync = true;
    raft::Index next = wal_->last().index.Next();
    for (size_t i = 0; i < count; ++i, next = next.Next()) {
      batch.entries.push_back(
          raft::MakeEntry({raft::Term(1), next}, raft::EntryType::kNormal, payload));
    }
    wal_->Append(std::move(batch));
  }

  void Write() {
    auto job = wal_->TakeWrite();
    KEELSON_CHECK(job->Run().ok(), "the disk works");
    KEELSON_CHECK(wal_->WriteDone(std::move(job)).ok(), "the disk works");
  }

  void Upkeep() {
    auto job = wal_->TakeUpkeep();
    if (job == nullptr) return;
    KEELSON_CHECK(job->Run().ok(), "the disk works");
    KEELSON_CHECK(wal_->UpkeepDone(std::move(job)).ok(), "the disk works");
  }

  Wal& wal() { return *wal_; }

 private:
  BenchDir dir_;
  PosixFileSystem fs_;
  std::mt19937_64 random_{42};
  uint64_t seq_ = 0;
  std::unique_ptr<Wal> wal_;
};

std::shared_ptr<const std::string> Payload(int64_t bytes) {
  return std::make_shared<const std::string>(static_cast<size_t>(bytes), 'v');
}

void BM_AppendAndSync(benchmark::State& state) {
  BenchLog log(state.range(2) == 0 ? SyncMethod::kFdatasync : SyncMethod::kDsync);
  const auto payload = Payload(state.range(1));
  const auto entries = static_cast<size_t>(state.range(0));
  log.Upkeep();
  while (log.wal().stats().segments < 3) {  // past the first, small segments
    log.Append(4000, Payload(1024));
    log.Write();
  }
  for (auto _ : state) {
    log.Append(entries, payload);
    log.Write();
    state.PauseTiming();
    if (log.wal().stats().ready < 2) {
      log.wal().Release(log.wal().durable_last());
      log.Upkeep();
    }
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetLabel(state.range(2) == 0 ? "fdatasync" : "O_DSYNC");
}
BENCHMARK(BM_AppendAndSync)
    ->ArgNames({"entries", "bytes", "dsync"})
    ->ArgsProduct({{1, 32, 256}, {300}, {0, 1}})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

// What the loop and the job spend besides the disk: everything but the write and the sync.
void BM_AppendOnly(benchmark::State& state) {
  BenchLog log(SyncMethod::kFdatasync);
  const auto payload = Payload(300);
  for (auto _ : state) log.Append(static_cast<size_t>(state.range(0)), payload);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_AppendOnly)->Arg(1)->Arg(256)->Iterations(2000);

void BM_WriteCommit(benchmark::State& state) {
  BenchLog log(SyncMethod::kFdatasync);
  log.Append(1'000'000, Payload(8));
  log.Write();
  raft::Index commit(0);
  for (auto _ : state) {
    commit = commit.Next();
    KEELSON_CHECK(log.wal().WriteCommit(commit).ok(), "the disk works");
  }
}
BENCHMARK(BM_WriteCommit)->Iterations(100'000);

void BM_ReadOlderEntries(benchmark::State& state) {
  BenchLog log(SyncMethod::kFdatasync);
  log.Append(100'000, Payload(300));
  log.Write();
  uint64_t lo = 1;
  for (auto _ : state) {
    auto entries = log.wal().Read(raft::Index(lo), raft::Index(lo + 256), 1 << 20);
    KEELSON_CHECK(entries.ok(), "the disk works");
    lo = 1 + (lo + 25'601) % 99'000;
  }
  state.SetItemsProcessed(state.iterations() * 256);
}
BENCHMARK(BM_ReadOlderEntries);

void BM_Recover(benchmark::State& state) {
  BenchLog log(SyncMethod::kFdatasync);
  for (int64_t written = 0; written < state.range(0); written += 64) {
    log.Append(64, Payload(300));
    log.Write();
  }
  for (auto _ : state) log.Open(SyncMethod::kFdatasync);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Recover)->Arg(100'000)->Iterations(3)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace keelson::storage

BENCHMARK_MAIN();
