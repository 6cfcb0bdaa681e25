// KV.RangeStream: the answer of a range in messages, which merged are that of Range.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "proto/etcd/rpc.pb.h"
#include "server/api/paced_stream.h"
#include "server/api/range_reader.h"
#include "storage/mvcc/read_view.h"

namespace keelson::server {

// Whether a stream can answer the request: in key order, without a sift by revisions.
absl::Status CheckStreamable(const etcdserverpb::RangeRequest& request);

// Messages with the pairs of one slice each; the last one has header, count, and whether there is
// more. All of one view.
class RangeMessages final : public MessageSource {
 public:
  // REQUIRES: Validate(request) and CheckStreamable(request) are OK; `header` states the view's
  // revision.
  RangeMessages(storage::ReadViewPtr view, etcdserverpb::RangeRequest request,
                etcdserverpb::ResponseHeader header);
  ~RangeMessages() override;

  absl::StatusOr<Batch> Next() override;

 private:
  absl::Status Begin();
  absl::Status ReadSlice(std::string* pairs);
  bool AllRead() const;
  absl::Status CountSlice();

  const storage::ReadViewPtr view_;
  const etcdserverpb::RangeRequest request_;
  const etcdserverpb::ResponseHeader header_;
  const uint64_t limit_;  // of pairs; 0: none
  bool begun_ = false;
  std::unique_ptr<storage::RangeCursor> cursor_;
  uint64_t taken_ = 0;
  bool more_ = false;
  // The last pairs of a limit, until the count is known: a client that has as many as it asked for
  // may read no further, and the message that brings them is to have the header.
  std::string held_;
  std::unique_ptr<RangeReader> counter_;
  std::optional<int64_t> count_;
};

}  // namespace keelson::server
