// Chooses operations, encodes their requests and judges their answers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/kvbench/decode.h"
#include "bench/kvbench/keyspace.h"
#include "bench/kvbench/options.h"
#include "bench/kvbench/stats.h"
#include "bench/kvbench/wire.h"

namespace keelson::kvbench {

struct PreparedOp {
  OpKind kind = OpKind::kPut;
  Method method = Method::kPut;
  uint64_t key_index = 0;
  bool chunked = false;      // the answer may be huge: count it as it streams in
  std::string_view message;  // valid until the next Prepare
};

// Used by one thread.
class OpBuilder {
 public:
  // Worker `worker` of `workers` draws its own keys.
  OpBuilder(const Options& options, uint64_t worker, uint64_t workers);

  // Whether operations depend on what the store holds; then Learn is called for each key in it.
  bool wants_to_learn() const { return !mod_revisions_.empty(); }
  void Learn(std::string_view key, int64_t mod_revision);

  // `now` goes into stamped values.
  PreparedOp Prepare(int64_t now);

  // Takes the answer of a successful call; false if it is not a valid answer to the operation.
  bool Finish(OpKind kind, uint64_t key_index, std::string_view answer, OpStats& stats);
  // The same for a chunked answer.
  static bool FinishChunked(const RangeCounter& counter, OpStats& stats);

 private:
  OpKind Pick();
  void PreparePut(int64_t now, PreparedOp& op);
  void PrepareGet(bool serializable, PreparedOp& op);
  void PrepareRange(PreparedOp& op);
  void PrepareTxn(int64_t now, PreparedOp& op);
  std::string_view NextValue(int64_t now);
  // Where some keys are watched, those are the first half of all.
  uint64_t NextPutKey();
  bool IsWatched(uint64_t key_index) const;

  const Options& options_;
  uint32_t total_weight_ = 0;
  Random random_;
  KeySpace keys_;
  ValueSource values_;
  const std::string range_end_;
  std::vector<int64_t> mod_revisions_;  // last seen, by key; for txn
  std::string key_buffer_;
  std::string message_;
};

}  // namespace keelson::kvbench
