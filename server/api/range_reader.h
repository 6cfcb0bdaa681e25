// Answers one Range request from a pinned view, in slices.
//
// Pairs that leave in the order of their keys are encoded as they are read. The first few megabytes
// are kept; of what follows only the size is noted, and it is read a second time when it is sent:
// the view cannot have changed, and a client that reads slowly holds no memory. Other orders need
// all pairs (with a limit, the first of them) before one can leave.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/etcd/rpc.pb.h"
#include "server/api/answer_source.h"
#include "server/api/call.h"
#include "storage/mvcc/read_view.h"

namespace keelson::server {

class RangeReader final : public AnswerSource {
 public:
  // Bytes of encoded pairs that are kept before the first part is sent.
  static constexpr size_t kKeepBytes = 4 << 20;

  // REQUIRES: Validate(request) is OK.
  RangeReader(storage::ReadViewPtr view, etcdserverpb::RangeRequest request,
              size_t keep_bytes = kKeepBytes);
  ~RangeReader() override;

  absl::StatusOr<bool> Measure(const storage::SliceBudget& budget) override;
  // What measuring has cost so far, in keys read.
  uint64_t work() const { return 1 + read_ + (counted_apart_ ? kCountWork : 0); }
  // Bytes of pairs that it holds in memory. REQUIRES: Measure returned true.
  size_t held_bytes() const { return again_from_ ? kept_bytes_ : pairs_bytes_; }
  size_t size() const override;
  absl::StatusOr<Part> NextPart(const storage::SliceBudget& budget) override;

  // The whole answer, `header` in it. REQUIRES: Measure returned true, and no more than the bytes
  // to keep was read. Once, and instead of NextPart.
  SharedBody Whole(const etcdserverpb::ResponseHeader& header);
  SharedBody WholeWithoutHeader() { return WholeAfter({}); }

 private:
  // Counting without reading costs about as much as reading so many keys.
  static constexpr uint64_t kCountWork = 64;

  absl::Status Begin();
  absl::StatusOr<std::unique_ptr<storage::RangeCursor>> OpenCursor(std::string_view from) const;
  bool ReadEnough() const;
  absl::Status ReadSlice(const storage::SliceBudget& budget);
  void Take(const storage::KeyValueRef& pair);
  void Keep(const storage::KeyValueRef& pair);
  void TrimToLimit();
  absl::StatusOr<bool> CountSlice(const storage::SliceBudget& budget);
  void Conclude();
  std::string Facts() const;
  SharedBody WholeAfter(std::string head);
  absl::StatusOr<Part> ReadAgain(const storage::SliceBudget& budget);
  Part EncodeSome(const storage::SliceBudget& budget);

  const storage::ReadViewPtr view_;
  const etcdserverpb::RangeRequest request_;
  const storage::KeyRange range_;
  const size_t keep_bytes_;
  const bool in_key_order_;
  const uint64_t limit_;    // of pairs; 0: none
  const uint64_t to_read_;  // keys that tell all; 0: every key of the range

  // Measuring.
  bool begun_ = false;
  std::unique_ptr<storage::RangeCursor> cursor_;
  std::unique_ptr<storage::SlicedResult<int64_t>> counter_;
  std::optional<int64_t> count_;
  bool counted_apart_ = false;
  uint64_t read_ = 0;   // keys seen
  uint64_t taken_ = 0;  // pairs of the answer
  size_t pairs_bytes_ = 0;
  bool more_ = false;
  bool measured_ = false;

  // In key order: what is kept, and where reading again begins (nullopt: everything is kept).
  std::vector<std::shared_ptr<std::string>> kept_;
  size_t kept_out_ = 0;  // pieces handed out
  size_t kept_bytes_ = 0;
  std::optional<std::string> again_from_;
  // In another order.
  std::vector<storage::KeyValuePtr> found_;
  std::vector<const storage::KeyValue*> order_;  // of the answer, into found_

  // Handing out.
  bool facts_out_ = false;
  size_t out_bytes_ = 0;  // of pairs
  size_t next_ = 0;       // in order_
};

}  // namespace keelson::server
