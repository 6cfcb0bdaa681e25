// Answers one read-only transaction from a pinned view, in slices: all of it at one revision.
//
//   compares, one after the other --> branch --> its revisions --> its ranges, one after the other
//
// Each range is a RangeReader; together they keep no more than one of them alone would.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/etcd/rpc.pb.h"
#include "server/api/answer_source.h"
#include "server/api/call.h"
#include "server/api/range_reader.h"
#include "storage/mvcc/read_view.h"

namespace keelson::server {

class TxnReader final : public AnswerSource {
 public:
  // REQUIRES: Validate(request) is OK, IsReadOnly(request).
  TxnReader(storage::ReadViewPtr view, etcdserverpb::TxnRequest request,
            size_t keep_bytes = RangeReader::kKeepBytes);
  ~TxnReader() override;

  absl::StatusOr<bool> Measure(const storage::SliceBudget& budget) override;
  // Bytes of pairs in key order that it holds in memory.
  size_t held_bytes() const { return held_bytes_; }
  size_t size() const override;
  absl::StatusOr<Part> NextPart(const storage::SliceBudget& budget) override;

  // The whole answer, `header` in it. REQUIRES: Measure returned true, and no more than the bytes
  // to keep was read. Once, and instead of NextPart.
  SharedBody Whole(const etcdserverpb::ResponseHeader& header);

 private:
  // One range of the branch, once it is measured: what stands before its own bytes.
  struct Range {
    std::string head;
    std::unique_ptr<RangeReader> reader;
  };

  // Each works on until `*left` is used up; true when it is through.
  absl::StatusOr<bool> Choose(storage::SliceBudget* left);
  absl::StatusOr<bool> Holds(const etcdserverpb::Compare& compare, storage::SliceBudget* left,
                             bool* holds);
  absl::StatusOr<bool> MeasureRanges(storage::SliceBudget* left);

  absl::Status CheckRevisions() const;
  const google::protobuf::RepeatedPtrField<etcdserverpb::RequestOp>& branch() const {
    return succeeded_ ? request_.success() : request_.failure();
  }
  std::string Facts() const;

  const storage::ReadViewPtr view_;
  const etcdserverpb::TxnRequest request_;
  const size_t keep_bytes_;

  // Measuring.
  int compared_ = 0;  // compares before it hold
  std::unique_ptr<storage::RangeCursor> compared_range_;
  bool compared_any_ = false;  // a key of that range
  bool succeeded_ = true;
  bool chosen_ = false;
  std::unique_ptr<RangeReader> reading_;
  std::vector<Range> ranges_;
  size_t ranges_bytes_ = 0;  // of the answer
  size_t held_bytes_ = 0;    // in memory
  bool measured_ = false;

  // Handing out.
  bool facts_out_ = false;
  size_t next_ = 0;  // of ranges_
  bool head_out_ = false;
};

}  // namespace keelson::server
