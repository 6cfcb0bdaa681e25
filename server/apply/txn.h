// Transactions: compare on the state before, check the chosen path, then run it in order.
#pragma once

#include <vector>

#include "absl/status/status.h"

namespace etcdserverpb {
class RangeRequest;
class RangeResponse;
class PutRequest;
class PutResponse;
class DeleteRangeRequest;
class DeleteRangeResponse;
class TxnRequest;
class TxnResponse;
}  // namespace etcdserverpb
namespace keelson::storage {
class ApplyBatch;
}

namespace keelson::server {

// The four operations against one open request of a batch. Each fills its response, header.revision
// included; the other header fields are the caller's. Errors are those of the wire, or DataLoss
// from the disk; after an error the open request must be aborted.
class Operations {
 public:
  // Without `want_pairs` nobody waits for the response: pairs are not read for its sake.
  explicit Operations(storage::ApplyBatch& batch, bool want_pairs = true)
      : batch_(batch), want_pairs_(want_pairs) {}

  absl::Status Range(const etcdserverpb::RangeRequest& request,
                     etcdserverpb::RangeResponse* response);
  absl::Status Put(const etcdserverpb::PutRequest& request, etcdserverpb::PutResponse* response);
  absl::Status Delete(const etcdserverpb::DeleteRangeRequest& request,
                      etcdserverpb::DeleteRangeResponse* response);
  absl::Status Txn(const etcdserverpb::TxnRequest& request, etcdserverpb::TxnResponse* response);

 private:
  // Which branch each transaction of a tree takes, in the order in which they are visited.
  using Path = std::vector<bool>;

  absl::Status Choose(const etcdserverpb::TxnRequest& request, Path* path);
  absl::Status CheckPuts(const etcdserverpb::TxnRequest& request, const Path& path, size_t* at);
  absl::Status CheckRanges(const etcdserverpb::TxnRequest& request, const Path& path, size_t* at);
  absl::Status Run(const etcdserverpb::TxnRequest& request, const Path& path, size_t* at,
                   etcdserverpb::TxnResponse* response);
  absl::Status CheckLease(int64_t lease);

  storage::ApplyBatch& batch_;
  const bool want_pairs_;
};

}  // namespace keelson::server
