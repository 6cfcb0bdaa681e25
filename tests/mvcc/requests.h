// Random requests, and their execution on the store and on the model with every answer compared.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "storage/mvcc/mvcc_store.h"
#include "tests/mvcc/model.h"

namespace keelson::storage {

enum class StepKind {
  kPut,
  kDelete,
  kDeleteRange,
  kGet,
  kRange,
  kCount,
  kCompact,
  kPutLease,
  kDeleteLease,
  kLeaseKeys,
  kPutMeta,
};

struct Step {
  StepKind kind;
  std::string key;
  std::string value;
  KeyRange range;
  int64_t number = 0;  // lease or revision
};

struct Request {
  std::vector<Step> steps;
  bool abort = false;
};

struct KeySpace {
  int keys = 40;
  int leases = 4;
  int max_value = 40;
};

std::string RandomKey(std::mt19937_64& random, const KeySpace& space);
KeyRange RandomRange(std::mt19937_64& random, const KeySpace& space);
// A request that is valid in the state of `model`.
Request RandomRequest(std::mt19937_64& random, const KeySpace& space, const Model& model);

// Applies the request to both; expects the same answers. `model` may be null.
void Execute(const Request& request, ApplyBatch& batch, Model* model);

// Compares everything that can be read at some revisions.
struct CheckOptions {
  uint64_t slice_keys = 7;
  int old_revisions = 3;
};
void ExpectSame(const ReadView& view, const Model& model, std::mt19937_64& random,
                const KeySpace& space, const CheckOptions& options = {});
// Also what only the store knows.
void ExpectSame(MvccStore& store, const Model& model, std::mt19937_64& random,
                const KeySpace& space, const CheckOptions& options = {});

// Whole results of sliced reads.
std::vector<KeyValue> ReadAll(RangeCursor& cursor, uint64_t slice_keys);
std::vector<Change> ReadAll(HistoryCursor& cursor, uint64_t slice_keys);
template <typename T>
T Finish(SlicedResult<T>& result, uint64_t slice_keys = 100) {
  for (;;) {
    auto step = result.Step({slice_keys, 0, 0});
    if (!step.ok()) std::abort();
    if (*step) return **step;
  }
}

}  // namespace keelson::storage
