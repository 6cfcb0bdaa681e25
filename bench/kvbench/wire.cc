#include "bench/kvbench/wire.h"

#include <bit>

namespace keelson::kvbench {
namespace {

size_t VarintSize(uint64_t value) { return static_cast<size_t>(std::bit_width(value | 1) + 6) / 7; }

void PutVarint(uint64_t value, std::string& out) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

void PutTag(int field, int wire_type, std::string& out) {
  PutVarint(static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(wire_type), out);
}

// Proto3: a zero is not written.
void PutInt(int field, int64_t value, std::string& out) {
  if (value == 0) return;
  PutTag(field, 0, out);
  PutVarint(static_cast<uint64_t>(value), out);
}

void PutLength(int field, size_t length, std::string& out) {
  PutTag(field, 2, out);
  PutVarint(length, out);
}

void PutBytes(int field, std::string_view value, std::string& out) {
  if (value.empty()) return;
  PutLength(field, value.size(), out);
  out.append(value);
}

// Size of a bytes field with a one-byte tag (fields 1..15).
size_t BytesSize(std::string_view value) {
  return value.empty() ? 0 : 1 + VarintSize(value.size()) + value.size();
}

size_t PutSize(std::string_view key, std::string_view value) {
  return BytesSize(key) + BytesSize(value);
}

// RequestOp{request_put} as a repeated field `list` of TxnRequest.
void PutPutOp(int list, std::string_view key, std::string_view value, std::string& out) {
  const size_t put = PutSize(key, value);
  PutLength(list, 1 + VarintSize(put) + put, out);
  PutLength(2, put, out);
  EncodePut(key, value, 0, out);
}

}  // namespace

std::string_view PathOf(Method method) {
  switch (method) {
    case Method::kPut:
      return "/etcdserverpb.KV/Put";
    case Method::kRange:
      return "/etcdserverpb.KV/Range";
    case Method::kTxn:
      return "/etcdserverpb.KV/Txn";
    case Method::kCompact:
      return "/etcdserverpb.KV/Compact";
    case Method::kWatch:
      return "/etcdserverpb.Watch/Watch";
    case Method::kLeaseGrant:
      return "/etcdserverpb.Lease/LeaseGrant";
    case Method::kLeaseKeepAlive:
      return "/etcdserverpb.Lease/LeaseKeepAlive";
    case Method::kStatus:
      return "/etcdserverpb.Maintenance/Status";
  }
  return "";
}

std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (end.empty()) return std::string(1, '\0');
  end.back() = static_cast<char>(end.back() + 1);
  return end;
}

void EncodePut(std::string_view key, std::string_view value, int64_t lease, std::string& out) {
  PutBytes(1, key, out);
  PutBytes(2, value, out);
  PutInt(3, lease, out);
}

void EncodeRange(const RangeSpec& spec, std::string& out) {
  PutBytes(1, spec.key, out);
  PutBytes(2, spec.range_end, out);
  PutInt(3, spec.limit, out);
  PutInt(4, spec.revision, out);
  PutInt(7, spec.serializable ? 1 : 0, out);
  PutInt(8, spec.keys_only ? 1 : 0, out);
  PutInt(9, spec.count_only ? 1 : 0, out);
}

void EncodeCompareAndPut(std::string_view key, int64_t mod_revision, std::string_view value,
                         std::string& out) {
  // Compare{target MOD = 2, key, mod_revision}; result EQUAL is 0 and left out. The oneof member is
  // written even when zero, as protobuf does.
  const size_t compare = 2 + BytesSize(key) + 1 + VarintSize(static_cast<uint64_t>(mod_revision));
  PutLength(1, compare, out);
  PutInt(2, 2, out);
  PutBytes(3, key, out);
  PutTag(6, 0, out);
  PutVarint(static_cast<uint64_t>(mod_revision), out);
  PutPutOp(2, key, value, out);
  const size_t range = BytesSize(key);
  PutLength(3, 1 + VarintSize(range) + range, out);
  PutLength(1, range, out);
  PutBytes(1, key, out);
}

void EncodeTxnPut(std::string_view key, std::string_view value, std::string& out) {
  PutPutOp(2, key, value, out);
}

void EncodeCompact(int64_t revision, bool physical, std::string& out) {
  PutInt(1, revision, out);
  PutInt(2, physical ? 1 : 0, out);
}

void EncodeWatchCreate(std::string_view key, std::string_view range_end, std::string& out) {
  const size_t create = PutSize(key, range_end);
  PutLength(1, create, out);
  PutBytes(1, key, out);
  PutBytes(2, range_end, out);
}

void EncodeLeaseGrant(int64_t ttl_seconds, std::string& out) { PutInt(1, ttl_seconds, out); }

void EncodeLeaseKeepAlive(int64_t lease, std::string& out) { PutInt(1, lease, out); }

}  // namespace keelson::kvbench
