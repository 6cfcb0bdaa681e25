#include "tests/apply/fuzz_requests.h"

namespace keelson::server {
namespace {

using etcdserverpb::RangeRequest;

constexpr int kMaxDepth = 3;
constexpr int kKeys = 8;
constexpr int64_t kLeases = 3;
constexpr int64_t kExtremes[] = {INT64_MIN, INT64_MAX, -1, -2, 1000, int64_t{1} << 32};
constexpr uint8_t kExtremesFrom = 250;

}  // namespace

uint8_t FuzzInput::Byte() {
  if (bytes_.empty()) return 0;
  const auto byte = static_cast<uint8_t>(bytes_.front());
  bytes_.remove_prefix(1);
  return byte;
}

std::string FuzzInput::Key() {
  const uint8_t byte = Byte();
  if (byte == 255) return "";
  if (byte == 254) return std::string(1, '\0');
  return std::string(1, static_cast<char>('a' + byte % kKeys));
}

std::string FuzzInput::RangeEnd() {
  const uint8_t byte = Byte();
  if (byte < 64) return "";
  if (byte < 144) return std::string(1, '\0');
  return std::string(1, static_cast<char>('b' + byte % kKeys));
}

int64_t FuzzInput::Number(int64_t most) {
  const uint8_t byte = Byte();
  return byte < kExtremesFrom ? byte % (most + 1) : kExtremes[byte - kExtremesFrom];
}

int64_t FuzzInput::Revision() {
  const uint8_t byte = Byte();
  if (byte >= kExtremesFrom) return kExtremes[byte - kExtremesFrom];
  return now_ + 1 - byte % 12;
}

template <typename Request>
Request FuzzInput::AnyBytes() {
  Request request;
  const std::string_view taken = bytes_.substr(0, Byte());
  bytes_.remove_prefix(taken.size() < bytes_.size() ? taken.size() : bytes_.size());
  if (!request.ParseFromArray(taken.data(), static_cast<int>(taken.size()))) request.Clear();
  return request;
}

void FuzzInput::AddFilters(RangeRequest* request) {
  const uint8_t which = Byte();
  if (which & 1) request->set_min_mod_revision(Revision());
  if (which & 2) request->set_max_mod_revision(Revision());
  if (which & 4) request->set_min_create_revision(Revision());
  if (which & 8) request->set_max_create_revision(Revision());
}

RangeRequest FuzzInput::Range() {
  RangeRequest request;
  request.set_key(OneIn(2) ? "a" : Key());
  request.set_range_end(RangeEnd());
  const uint8_t flags = Byte();
  if (flags & 1) request.set_revision(Revision());
  if (flags & 2) request.set_limit(Number(4));
  if (flags & 4) {
    request.set_sort_order(static_cast<RangeRequest::SortOrder>(Byte() % 3));
    request.set_sort_target(static_cast<RangeRequest::SortTarget>(Byte() % 5));
  }
  request.set_keys_only(flags & 8);
  request.set_count_only((flags & 16) && OneIn(4));
  if ((flags & 96) == 96) AddFilters(&request);
  return request;
}

etcdserverpb::PutRequest FuzzInput::Put() {
  etcdserverpb::PutRequest request;
  request.set_key(Key());
  const uint8_t flags = Byte();
  if (flags & 1) request.set_value(std::string(Byte() % 40, 'v'));
  if ((flags & 6) == 6) request.set_lease(Number(kLeases));
  request.set_prev_kv(flags & 8);
  if ((flags & 0x70) == 0x70) {
    request.set_ignore_value(flags & 2);
    request.set_ignore_lease(flags & 4);
  }
  return request;
}

etcdserverpb::DeleteRangeRequest FuzzInput::Delete() {
  etcdserverpb::DeleteRangeRequest request;
  request.set_key(Key());
  if (OneIn(4)) request.set_range_end(RangeEnd());
  request.set_prev_kv(OneIn(2));
  return request;
}

etcdserverpb::Compare FuzzInput::Compare() {
  etcdserverpb::Compare compare;
  compare.set_key(Key());
  if (OneIn(3)) compare.set_range_end(RangeEnd());
  compare.set_result(static_cast<etcdserverpb::Compare::CompareResult>(Byte() % 5));
  const uint8_t target = Byte() % 6;
  compare.set_target(static_cast<etcdserverpb::Compare::CompareTarget>(target));
  if (target == etcdserverpb::Compare::VALUE) compare.set_value(std::string(Byte() % 4, 'v'));
  if (target == etcdserverpb::Compare::VERSION) compare.set_version(Number(3));
  if (target == etcdserverpb::Compare::CREATE) compare.set_create_revision(Revision());
  if (target == etcdserverpb::Compare::MOD) compare.set_mod_revision(Revision());
  if (target == etcdserverpb::Compare::LEASE) compare.set_lease(Number(kLeases));
  return compare;
}

etcdserverpb::RequestOp FuzzInput::Op(int depth) {
  etcdserverpb::RequestOp op;
  const uint8_t kind = Byte() % 16;
  if (kind < 5) {
    *op.mutable_request_put() = Put();
  } else if (kind < 10) {
    *op.mutable_request_range() = Range();
    if (!OneIn(4)) op.mutable_request_range()->clear_revision();
  } else if (kind < 12) {
    *op.mutable_request_delete_range() = Delete();
  } else if (kind < 15 && depth < kMaxDepth) {
    *op.mutable_request_txn() = Txn(depth + 1);
  }
  return op;  // else an operation that says nothing
}

etcdserverpb::TxnRequest FuzzInput::Txn(int depth) {
  etcdserverpb::TxnRequest txn;
  for (int i = Byte() % 3; i > 0 && !done(); --i) *txn.add_compare() = Compare();
  for (int i = Byte() % 5; i > 0 && !done(); --i) *txn.add_success() = Op(depth);
  for (int i = Byte() % 3; i > 0 && !done(); --i) *txn.add_failure() = Op(depth);
  return txn;
}

FuzzRequest FuzzInput::Rare() {
  switch (Byte() % 8) {
    case 0:
      return AnyBytes<RangeRequest>();
    case 1:
      return AnyBytes<etcdserverpb::PutRequest>();
    case 2:
      return AnyBytes<etcdserverpb::DeleteRangeRequest>();
    case 3:
      return AnyBytes<etcdserverpb::TxnRequest>();
    case 4:
      return AnyBytes<etcdserverpb::LeaseGrantRequest>();
    case 5:
      return AlarmSwitch{OneIn(4), etcdserverpb::NOSPACE};
    case 6:
      return AlarmSwitch{OneIn(4), etcdserverpb::CORRUPT};
    default:
      return Reopening();
  }
}

FuzzRequest FuzzInput::Next(int64_t revision) {
  now_ = revision;
  const uint8_t kind = Byte() % 32;
  if (kind < 10) return Put();
  if (kind < 17) return Range();
  if (kind < 18) return Delete();
  if (kind < 26) return Txn(0);
  if (kind < 27) {
    etcdserverpb::CompactionRequest request;
    request.set_revision(Revision());
    return request;
  }
  if (kind < 30) {
    etcdserverpb::LeaseGrantRequest request;
    request.set_id(Number(kLeases));
    request.set_ttl(Number(100));
    return request;
  }
  if (kind < 31) {
    etcdserverpb::LeaseRevokeRequest request;
    request.set_id(Number(kLeases));
    return request;
  }
  return Rare();
}

}  // namespace keelson::server
