#include "client/keelson/kv.h"

#include <algorithm>
#include <utility>

#include "client/keelson/internal/ask.h"
#include "client/keelson/internal/view.h"

namespace keelson::client {
namespace {

using internal::Ask;
using internal::Await;
using internal::Effect;

bool ReadsOf(const etcdserverpb::RequestOp& op) { return op.has_request_range(); }
bool IsStale(const etcdserverpb::RequestOp& op) {
  return op.has_request_range() && op.request_range().serializable();
}

template <typename Predicate>
bool AllOps(const etcdserverpb::TxnRequest& txn, Predicate predicate) {
  return txn.success_size() + txn.failure_size() > 0 &&
         std::all_of(txn.success().begin(), txn.success().end(), predicate) &&
         std::all_of(txn.failure().begin(), txn.failure().end(), predicate);
}

// A transaction as a read: linearizable unless every operation of it may be stale.
void DescribeTxn(etcdserverpb::TxnRequest& txn, internal::ReadRequest& read) {
  read.linearizable = !AllOps(txn, IsStale);
  if (!read.linearizable || !read.options.stale_ok || !AllOps(txn, ReadsOf)) return;
  for (auto& op : *txn.mutable_success()) op.mutable_request_range()->set_serializable(true);
  for (auto& op : *txn.mutable_failure()) op.mutable_request_range()->set_serializable(true);
  read.stale_body = txn.SerializeAsString();
}

}  // namespace

Kv::Kv(std::shared_ptr<internal::Core> core) : Kv(std::move(core), internal::PlainView()) {}

Kv::Kv(std::shared_ptr<internal::Core> core, std::shared_ptr<const internal::View> view)
    : core_(std::move(core)), view_(std::move(view)) {}

Future<GetResult> Kv::GetAsync(const KeyRange& range, const GetOptions& options,
                               const CallOptions& call) const {
  etcdserverpb::RangeRequest request = internal::ToWire(range, options);
  internal::Enter(*view_, request);
  internal::ReadRequest read{.method = "/etcdserverpb.KV/Range",
                             .body = request.SerializeAsString(),
                             .linearizable = !options.serializable,
                             .timeout = call.timeout,
                             .options = call.read,
                             .seen_revision = view_->seen()};
  if (call.read.stale_ok && read.linearizable) {
    request.set_serializable(true);
    read.stale_body = request.SerializeAsString();
  }
  return internal::AskRead<etcdserverpb::RangeResponse>(
      core_, std::move(read), [view = view_](etcdserverpb::RangeResponse& response) {
        internal::Leave(*view, response);
        return internal::ToResult(response);
      });
}

Future<PutResult> Kv::PutAsync(const std::string& key, const std::string& value,
                               const PutOptions& options, const CallOptions& call) const {
  etcdserverpb::PutRequest request = internal::ToWire(key, value, options);
  internal::Enter(*view_, request);
  return Ask<etcdserverpb::PutResponse>(core_, "/etcdserverpb.KV/Put", Effect::kWrites, request,
                                        call, [view = view_](etcdserverpb::PutResponse& response) {
                                          internal::Leave(*view, response);
                                          return internal::ToResult(response);
                                        });
}

Future<DeleteResult> Kv::DeleteAsync(const KeyRange& range, const DeleteOptions& options,
                                     const CallOptions& call) const {
  etcdserverpb::DeleteRangeRequest request = internal::ToWire(range, options);
  internal::Enter(*view_, request);
  return Ask<etcdserverpb::DeleteRangeResponse>(
      core_, "/etcdserverpb.KV/DeleteRange", Effect::kWrites, request, call,
      [view = view_](etcdserverpb::DeleteRangeResponse& response) {
        internal::Leave(*view, response);
        return internal::ToResult(response);
      });
}

Future<TxnResult> Kv::CommitAsync(const Txn& txn, const CallOptions& call) const {
  etcdserverpb::TxnRequest request = internal::ToWire(txn);
  internal::Enter(*view_, request);
  const auto convert = [view = view_](etcdserverpb::TxnResponse& response) {
    internal::Leave(*view, response);
    return internal::ToResult(response);
  };
  if (!txn.IsReadOnly()) {
    return Ask<etcdserverpb::TxnResponse>(core_, "/etcdserverpb.KV/Txn", Effect::kWrites, request,
                                          call, convert);
  }
  internal::ReadRequest read{.method = "/etcdserverpb.KV/Txn",
                             .body = request.SerializeAsString(),
                             .timeout = call.timeout,
                             .options = call.read,
                             .seen_revision = view_->seen()};
  DescribeTxn(request, read);
  return internal::AskRead<etcdserverpb::TxnResponse>(core_, std::move(read), convert);
}

Future<CompactResult> Kv::CompactAsync(int64_t revision, const CompactOptions& options,
                                       const CallOptions& call) const {
  etcdserverpb::CompactionRequest request;
  request.set_revision(revision);
  request.set_physical(options.physical);
  return Ask<etcdserverpb::CompactionResponse>(
      core_, "/etcdserverpb.KV/Compact", Effect::kWrites, request, call,
      [](const etcdserverpb::CompactionResponse& response) {
        return CompactResult{internal::ToHeader(response.header())};
      });
}

absl::StatusOr<GetResult> Kv::Get(const KeyRange& range, const GetOptions& options,
                                  const CallOptions& call) const {
  return Await(core_, [&] { return GetAsync(range, options, call); });
}

absl::StatusOr<PutResult> Kv::Put(const std::string& key, const std::string& value,
                                  const PutOptions& options, const CallOptions& call) const {
  return Await(core_, [&] { return PutAsync(key, value, options, call); });
}

absl::StatusOr<DeleteResult> Kv::Delete(const KeyRange& range, const DeleteOptions& options,
                                        const CallOptions& call) const {
  return Await(core_, [&] { return DeleteAsync(range, options, call); });
}

absl::StatusOr<TxnResult> Kv::Commit(const Txn& txn, const CallOptions& call) const {
  return Await(core_, [&] { return CommitAsync(txn, call); });
}

absl::StatusOr<CompactResult> Kv::Compact(int64_t revision, const CompactOptions& options,
                                          const CallOptions& call) const {
  return Await(core_, [&] { return CompactAsync(revision, options, call); });
}

}  // namespace keelson::client
