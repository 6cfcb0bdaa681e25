#include "client/keelson/kv.h"

#include <utility>

#include "client/keelson/internal/ask.h"

namespace keelson::client {
namespace {

using internal::Ask;
using internal::Effect;

}  // namespace

absl::StatusOr<GetResult> Kv::Get(const KeyRange& range, const GetOptions& options,
                                  const CallOptions& call) const {
  const auto response = Ask<etcdserverpb::RangeResponse>(
      core_, "/etcdserverpb.KV/Range", Effect::kReads, internal::ToWire(range, options), call);
  if (!response.ok()) return response.status();
  return internal::ToResult(*response);
}

absl::StatusOr<PutResult> Kv::Put(const std::string& key, const std::string& value,
                                  const PutOptions& options, const CallOptions& call) const {
  const auto response = Ask<etcdserverpb::PutResponse>(
      core_, "/etcdserverpb.KV/Put", Effect::kWrites, internal::ToWire(key, value, options), call);
  if (!response.ok()) return response.status();
  return internal::ToResult(*response);
}

absl::StatusOr<DeleteResult> Kv::Delete(const KeyRange& range, const DeleteOptions& options,
                                        const CallOptions& call) const {
  const auto response =
      Ask<etcdserverpb::DeleteRangeResponse>(core_, "/etcdserverpb.KV/DeleteRange", Effect::kWrites,
                                             internal::ToWire(range, options), call);
  if (!response.ok()) return response.status();
  return internal::ToResult(*response);
}

absl::StatusOr<TxnResult> Kv::Commit(const Txn& txn, const CallOptions& call) const {
  const Effect effect = txn.IsReadOnly() ? Effect::kReads : Effect::kWrites;
  const auto response = Ask<etcdserverpb::TxnResponse>(core_, "/etcdserverpb.KV/Txn", effect,
                                                       internal::ToWire(txn), call);
  if (!response.ok()) return response.status();
  return internal::ToResult(*response);
}

absl::StatusOr<CompactResult> Kv::Compact(int64_t revision, const CompactOptions& options,
                                          const CallOptions& call) const {
  etcdserverpb::CompactionRequest request;
  request.set_revision(revision);
  request.set_physical(options.physical);
  const auto response = Ask<etcdserverpb::CompactionResponse>(core_, "/etcdserverpb.KV/Compact",
                                                              Effect::kWrites, request, call);
  if (!response.ok()) return response.status();
  return CompactResult{internal::ToHeader(response->header())};
}

}  // namespace keelson::client
