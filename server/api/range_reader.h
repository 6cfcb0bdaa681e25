// Answers one Range request from a pinned view, in slices.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/etcd/rpc.pb.h"
#include "server/api/call.h"
#include "storage/mvcc/read_view.h"

namespace keelson::server {

// Appends one KeyValue as field kvs of a RangeResponse.
void AppendKeyValueField(const storage::KeyValue& kv, bool with_value, std::string* out);

// May be used from any thread, by one at a time.
class RangeReader {
 public:
  // REQUIRES: Validate(request) is OK.
  RangeReader(storage::ReadViewPtr view, etcdserverpb::RangeRequest request);

  // Reads for one slice. True when everything is read.
  absl::StatusOr<bool> Step(const storage::SliceBudget& budget);

  // The answer, `header` in it. REQUIRES: Step returned true. Once.
  SharedBody Finish(const etcdserverpb::ResponseHeader& header);

 private:
  absl::Status Begin();
  absl::Status ReadSlice(const storage::SliceBudget& budget);
  absl::StatusOr<bool> CountSlice(const storage::SliceBudget& budget);
  bool ReadEnough() const;
  SharedBody FinishPlain(const etcdserverpb::ResponseHeader& header);
  SharedBody FinishSorted(const etcdserverpb::ResponseHeader& header);

  storage::ReadViewPtr view_;
  etcdserverpb::RangeRequest request_;
  storage::KeyRange range_;
  bool begun_ = false;
  bool plain_ = false;    // encoded as read
  uint64_t to_read_ = 0;  // keys; 0: all
  std::unique_ptr<storage::RangeCursor> cursor_;
  std::unique_ptr<storage::SlicedResult<int64_t>> counter_;
  std::optional<int64_t> count_;
  uint64_t read_ = 0;  // keys
  bool more_ = false;
  std::vector<storage::KeyValuePtr> found_;  // not plain: everything read
  std::shared_ptr<std::string> encoded_;     // plain: the kvs fields
};

}  // namespace keelson::server
