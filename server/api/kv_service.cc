#include "server/api/kv_service.h"

#include <utility>

#include "proto/etcd/rpc.pb.h"
#include "server/api/gate.h"
#include "server/api/methods.h"
#include "server/api/paced_stream.h"
#include "server/api/range_messages.h"
#include "server/api/range_reader.h"
#include "server/api/read_answer.h"
#include "server/api/txn_reader.h"
#include "server/api/write.h"
#include "server/apply/errors.h"
#include "server/apply/validate.h"
#include "server/node/node.h"

namespace keelson::server {
namespace {

using CallPtr = std::shared_ptr<Call>;

// Counted against the quota for each pair, beside its bytes.
constexpr int64_t kPairOverhead = 256;

}  // namespace

void KvService::AddTo(Methods& methods) {
  using etcdserverpb::CompactionRequest;
  using etcdserverpb::DeleteRangeRequest;
  using etcdserverpb::PutRequest;
  methods.AddUnary<etcdserverpb::RangeRequest>(
      "/etcdserverpb.KV/Range", [this](CallPtr call, auto request, std::string_view) {
        Range(std::move(call), std::move(request));
      });
  methods.Add("/etcdserverpb.KV/RangeStream", Method::Kind::kServerStream,
              [this](CallPtr call, std::string_view bytes) {
                etcdserverpb::RangeRequest request;
                if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
                  return Answer(*call, Undecodable());
                }
                RangeStream(std::move(call), std::move(request));
              });
  methods.AddUnary<PutRequest>("/etcdserverpb.KV/Put", [this](const CallPtr& call,
                                                              const PutRequest& put,
                                                              std::string_view bytes) {
    if (auto status = Validate(put); !status.ok()) return Answer(*call, status);
    const auto cost = static_cast<int64_t>(put.key().size() + put.value().size()) + kPairOverhead;
    WriteAndAnswer<etcdserverpb::PutResponse>(node_, call, WriteKind::kPut, bytes, bytes,
                                              CheckSpace(node_, cost));
  });
  methods.AddUnary<DeleteRangeRequest>(
      "/etcdserverpb.KV/DeleteRange",
      [this](const CallPtr& call, const DeleteRangeRequest& request, std::string_view bytes) {
        if (auto status = Validate(request); !status.ok()) return Answer(*call, status);
        WriteAndAnswer<etcdserverpb::DeleteRangeResponse>(node_, call, WriteKind::kDeleteRange,
                                                          bytes);
      });
  methods.AddUnary<etcdserverpb::TxnRequest>(
      "/etcdserverpb.KV/Txn", [this](CallPtr call, const etcdserverpb::TxnRequest& request,
                                     std::string_view bytes) { Txn(call, request, bytes); });
  methods.AddUnary<CompactionRequest>(
      "/etcdserverpb.KV/Compact",
      [this](const CallPtr& call, const CompactionRequest&, std::string_view bytes) {
        WriteAndAnswer<etcdserverpb::CompactionResponse>(node_, call, WriteKind::kCompact, bytes);
      });
}

void KvService::Range(CallPtr call, etcdserverpb::RangeRequest request) {
  if (!request.serializable() && IsLearner(node_)) {
    return Answer(*call, errors::NotSupportedForLearner());
  }
  if (auto status = Validate(request); !status.ok()) return Answer(*call, status);
  if (request.serializable()) return ReadNow(std::move(call), std::move(request));
  node_.WhenReadable([this, call = std::move(call),
                      request = std::move(request)](const absl::Status& status) mutable {
    if (!status.ok()) return Answer(*call, status);
    ReadNow(std::move(call), std::move(request));
  });
}

void KvService::RangeStream(CallPtr call, etcdserverpb::RangeRequest request) {
  if (auto status = Validate(request); !status.ok()) return Answer(*call, status);
  if (auto status = CheckStreamable(request); !status.ok()) return Answer(*call, status);
  const auto stream = PacedStream::Open(node_.loop(), node_.runner(), std::move(call));
  const bool serializable = request.serializable();
  auto begin = [this, stream, request = std::move(request)](const absl::Status& status) {
    if (!status.ok()) return stream->Fail(status);
    etcdserverpb::ResponseHeader header;
    node_.FillHeader(&header);
    stream->Begin(std::make_unique<RangeMessages>(node_.View(), request, header),
                  IsCompactedSince(node_, header.revision()));
  };
  if (serializable) return begin(absl::OkStatus());
  node_.WhenReadable(std::move(begin));
}

void KvService::ReadNow(CallPtr call, etcdserverpb::RangeRequest request) {
  AnswerRead(node_, std::move(call),
             std::make_unique<RangeReader>(node_.View(), std::move(request)));
}

void KvService::Txn(CallPtr call, const etcdserverpb::TxnRequest& request, std::string_view bytes) {
  if (auto status = Validate(request, node_.options().max_txn_ops); !status.ok()) {
    return Answer(*call, status);
  }
  if (IsReadOnly(request)) {
    if (IsSerializable(request)) return ReadOnlyTxn(std::move(call), request);
    return node_.WhenReadable([this, call = std::move(call), request](const absl::Status& status) {
      if (!status.ok()) return Answer(*call, status);
      ReadOnlyTxn(call, request);
    });
  }
  absl::Status space;
  if (HasPut(request)) {
    space = CheckSpace(node_, static_cast<int64_t>(bytes.size()) + kPairOverhead);
  }
  WriteAndAnswer<etcdserverpb::TxnResponse>(node_, call, WriteKind::kTxn, bytes, bytes, space);
}

void KvService::ReadOnlyTxn(CallPtr call, const etcdserverpb::TxnRequest& request) {
  AnswerRead(node_, std::move(call), std::make_unique<TxnReader>(node_.View(), request));
}

}  // namespace keelson::server
