// The store by itself: what one step of the loop costs.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>

#include "base/check.h"
#include "bench/mvcc/layout.h"
#include "storage/mvcc/mvcc_store.h"

namespace keelson::bench {
namespace {

using storage::KeyRange;
using storage::MvccOptions;
using storage::MvccStore;

constexpr uint64_t kKeys = 200'000;
constexpr size_t kValueBytes = 256;

class Fixture {
 public:
  Fixture() : value_(kValueBytes, 'v') {
    dir_ = std::filesystem::temp_directory_path().string() + "/keelson_bench_XXXXXX";
    if (mkdtemp(dir_.data()) == nullptr) std::abort();
    Open();
    for (uint64_t i = 0; i < kKeys; i += 500) {
      Put(500, [&](size_t j) { return i + j; });
    }
    Flush();
  }
  ~Fixture() {
    store = nullptr;
    std::filesystem::remove_all(dir_);
  }

  void Open() {
    store = nullptr;
    MvccOptions options;
    options.dir = dir_ + "/db";
    auto opened = MvccStore::Open(options);
    KEELSON_CHECK(opened.ok(), "the benchmark's directory is writable");
    store = *std::move(opened);
  }

  template <typename Choose>
  void Put(size_t count, Choose choose) {
    auto batch = store->NewBatch();
    for (size_t j = 0; j < count; ++j) {
      for (size_t i = 0; i < value_.size(); i += 2) value_[i] = static_cast<char>(random());
      batch->BeginRequest();
      KEELSON_CHECK(batch->Put(KeyOf(choose(j)), value_, 0).ok(), "puts succeed");
      batch->EndRequest();
    }
    KEELSON_CHECK(batch->Commit({raft::Term(1), store->applied().index.Next()}).ok(), "commits");
    batch = nullptr;
    if (store->unflushed_bytes() > (32 << 20)) Flush();
  }

  void Flush() {
    auto job = store->StartFlush();
    KEELSON_CHECK(job.ok(), "flushes start");
    if (*job == nullptr) return;
    std::thread([&] { KEELSON_CHECK((*job)->Run().ok(), "flushes succeed"); }).join();
  }

  std::unique_ptr<MvccStore> store;
  std::minstd_rand random{7};

 private:
  std::string value_;
  std::string dir_;
};

std::unique_ptr<Fixture> shared;
Fixture& Shared() {
  if (shared == nullptr) shared = std::make_unique<Fixture>();
  return *shared;
}

void PutCold(benchmark::State& state) {
  Fixture& fixture = Shared();
  const auto batch = static_cast<size_t>(state.range(0));
  for (auto _ : state) fixture.Put(batch, [&](size_t) { return fixture.random() % kKeys; });
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(PutCold)->Arg(1)->Arg(32)->Arg(256);

void PutLatelyWritten(benchmark::State& state) {
  Fixture& fixture = Shared();
  const auto batch = static_cast<size_t>(state.range(0));
  for (auto _ : state) fixture.Put(batch, [&](size_t) { return fixture.random() % 5000; });
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(PutLatelyWritten)->Arg(1)->Arg(32)->Arg(256);

void PutFresh(benchmark::State& state) {
  Fixture& fixture = Shared();
  static uint64_t next = kKeys;
  const auto batch = static_cast<size_t>(state.range(0));
  for (auto _ : state) fixture.Put(batch, [&](size_t) { return next++; });
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(PutFresh)->Arg(1)->Arg(32)->Arg(256);

void CommitAndView(benchmark::State& state) {
  Fixture& fixture = Shared();
  for (auto _ : state) {
    fixture.Put(1, [&](size_t) { return 7; });
    benchmark::DoNotOptimize(fixture.store->View());
  }
}
BENCHMARK(CommitAndView);

void CountHalf(benchmark::State& state) {
  Fixture& fixture = Shared();
  auto view = fixture.store->View();
  for (auto _ : state) {
    const uint64_t from = fixture.random() % (kKeys / 2);
    auto count = view->Count({KeyOf(from), KeyOf(from + kKeys / 2)});
    KEELSON_CHECK(count.ok() && *count == kKeys / 2, "counts are exact");
  }
}
BENCHMARK(CountHalf);

void StartFlush(benchmark::State& state) {
  Fixture& fixture = Shared();
  for (auto _ : state) {
    state.PauseTiming();
    fixture.Put(100, [&](size_t) { return fixture.random() % kKeys; });
    state.ResumeTiming();
    auto job = fixture.store->StartFlush();
    state.PauseTiming();
    KEELSON_CHECK((*job)->Run().ok(), "flushes succeed");
    job = std::unique_ptr<storage::BackgroundJob>();
    state.ResumeTiming();
  }
}
BENCHMARK(StartFlush)->Iterations(20);

void DeleteRange10k(benchmark::State& state) {
  Fixture& fixture = Shared();
  uint64_t from = 0;
  for (auto _ : state) {
    auto batch = fixture.store->NewBatch();
    batch->BeginRequest();
    auto removed = batch->DeleteRange({KeyOf(from), KeyOf(from + 10'000)});
    KEELSON_CHECK(removed.ok() && removed->size() == 10'000, "all are there");
    batch->EndRequest();
    const auto index = fixture.store->applied().index.Next();
    KEELSON_CHECK(batch->Commit({raft::Term(1), index}).ok(), "commits succeed");
    from += 10'000;
  }
  state.SetItemsProcessed(state.iterations() * 10'000);
}
BENCHMARK(DeleteRange10k)->Iterations(5);

void CompactAndDrop(benchmark::State& state) {
  Fixture& fixture = Shared();
  for (auto _ : state) {
    auto batch = fixture.store->NewBatch();
    batch->BeginRequest();
    const int64_t revision = fixture.store->revision();
    KEELSON_CHECK(batch->SetCompactRevision(revision).ok(), "compaction succeeds");
    batch->EndRequest();
    const auto index = fixture.store->applied().index.Next();
    KEELSON_CHECK(batch->Commit({raft::Term(1), index}).ok(), "commits succeed");
  }
}
BENCHMARK(CompactAndDrop)->Iterations(1);

void Reopen(benchmark::State& state) {
  Fixture& fixture = Shared();
  fixture.Flush();
  for (auto _ : state) fixture.Open();
}
BENCHMARK(Reopen)->Iterations(10);

}  // namespace
}  // namespace keelson::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  keelson::bench::shared = nullptr;  // RocksDB must be closed before its own statics go
  return 0;
}
