// Layout C (latest + undo, the real store) against layout B (key + descending revision).
//
// Arguments: value bytes. Every benchmark begins with the same data: kKeys keys, each overwritten
// once in random order, half of that flushed long ago.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <random>

#include "bench/mvcc/layout.h"

namespace keelson::bench {
namespace {

constexpr uint64_t kKeys = 100'000;
constexpr size_t kBatch = 100;

using Maker = std::unique_ptr<Layout> (*)(const std::string& dir);

class Data {
 public:
  Data(Maker make, size_t value_bytes) : value_(value_bytes, 'v') {
    const char* base = std::getenv("TMPDIR");
    dir_ = std::string(base != nullptr ? base : "/tmp") + "/keelson_bench_XXXXXX";
    if (mkdtemp(dir_.data()) == nullptr) std::abort();
    layout = make(dir_ + "/db");
    for (uint64_t i = 0; i < kKeys; i += kBatch) PutSome([&](size_t j) { return i + j; });
    for (uint64_t i = 0; i < kKeys; i += kBatch) PutSome([&](size_t) { return random_() % kKeys; });
    layout->Flush();
  }
  ~Data() {
    layout = nullptr;
    std::filesystem::remove_all(dir_);
  }

  template <typename Choose>
  void PutSome(Choose choose) {
    std::vector<uint64_t> keys(kBatch);
    for (size_t j = 0; j < kBatch; ++j) keys[j] = choose(j);
    // Half random, so that it compresses like text does.
    for (size_t i = 0; i < value_.size(); i += 2) value_[i] = static_cast<char>(random_());
    layout->Put(keys, value_);
  }

  uint64_t Random() { return random_(); }

  std::unique_ptr<Layout> layout;

 private:
  std::mt19937_64 random_{42};
  std::string value_;
  std::string dir_;
};

// One data set at a time is kept, for the benchmarks that can share it.
struct SharedData {
  std::unique_ptr<Data> data;
  Maker made = nullptr;
  size_t bytes = 0;
};
SharedData shared;

Data& Shared(Maker make, size_t value_bytes) {
  if (shared.made != make || shared.bytes != value_bytes) {
    shared.data = nullptr;
    shared = {std::make_unique<Data>(make, value_bytes), make, value_bytes};
  }
  return *shared.data;
}

void Get(benchmark::State& state, Maker make) {
  Data& data = Shared(make, static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    if (!data.layout->Get(data.Random() % kKeys)) state.SkipWithError("a key is missing");
  }
}

void RangeOf(benchmark::State& state, Maker make, bool old) {
  Data& data = Shared(make, static_cast<size_t>(state.range(0)));
  const int64_t revision = old ? static_cast<int64_t>(kKeys + 1) : 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(data.layout->Range(data.Random() % (kKeys - 1000), 1000, revision));
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}

void CatchUp(benchmark::State& state, Maker make) {
  Data& data = Shared(make, static_cast<size_t>(state.range(0)));
  uint64_t changes = 0;
  for (auto _ : state) changes += data.layout->CatchUp(data.layout->revision() - 20'000);
  state.SetItemsProcessed(static_cast<int64_t>(changes));
}

void Overwrite(benchmark::State& state, Maker make) {
  Data& data = Shared(make, static_cast<size_t>(state.range(0)));
  for (auto _ : state) data.PutSome([&](size_t) { return data.Random() % kKeys; });
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBatch));
}

void OverwriteHotKey(benchmark::State& state, Maker make) {
  Data& data = Shared(make, static_cast<size_t>(state.range(0)));
  for (auto _ : state) data.PutSome([&](size_t) { return 7; });
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBatch));
}

void Fresh(benchmark::State& state, Maker make) {
  Data& data = Shared(make, static_cast<size_t>(state.range(0)));
  uint64_t next = kKeys;
  for (auto _ : state) data.PutSome([&](size_t) { return next++; });
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBatch));
}

// Drops the history of the overwrites; then a range must be as before.
void Compact(benchmark::State& state, Maker make) {
  for (auto _ : state) {
    state.PauseTiming();
    auto data = std::make_unique<Data>(make, static_cast<size_t>(state.range(0)));
    state.counters["MB_before"] = static_cast<double>(data->layout->disk_bytes()) / 1e6;
    state.ResumeTiming();
    data->layout->Compact(data->layout->revision());
    state.PauseTiming();
    state.counters["MB_after"] = static_cast<double>(data->layout->disk_bytes()) / 1e6;
    data = nullptr;
    state.ResumeTiming();
  }
}

#define KEELSON_LAYOUT(name, make)                                                      \
  BENCHMARK_CAPTURE(Get, name, make)->Arg(256)->Arg(4096);                              \
  BENCHMARK_CAPTURE(RangeOf, name##_latest, make, false)->Arg(256)->Arg(4096);          \
  BENCHMARK_CAPTURE(RangeOf, name##_old, make, true)->Arg(256)->Arg(4096);              \
  BENCHMARK_CAPTURE(CatchUp, name, make)->Arg(256)->Arg(4096);                          \
  BENCHMARK_CAPTURE(Overwrite, name, make)->Arg(256)->Arg(4096)->Iterations(1000);      \
  BENCHMARK_CAPTURE(OverwriteHotKey, name, make)->Arg(256)->Arg(4096)->Iterations(300); \
  BENCHMARK_CAPTURE(Fresh, name, make)->Arg(256)->Arg(4096)->Iterations(1000);          \
  BENCHMARK_CAPTURE(Compact, name, make)->Arg(256)->Arg(4096)->Iterations(1)

KEELSON_LAYOUT(C, MakeLayoutC);
KEELSON_LAYOUT(B, MakeLayoutB);

}  // namespace
}  // namespace keelson::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  keelson::bench::shared = {};  // RocksDB must be closed before its own statics go
  return 0;
}
