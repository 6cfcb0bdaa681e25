// Requests of etcd's API encoded by hand: one append per field, no message objects, no allocation
// once the output string has grown. Field numbers are those of proto/etcd/{kv,rpc}.proto.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace keelson::kvbench {

// Methods that kvbench calls. The value indexes the header cache of RequestHeaders.
enum class Method : uint8_t {
  kPut,
  kRange,
  kTxn,
  kCompact,
  kWatch,
  kLeaseGrant,
  kLeaseKeepAlive,
  kStatus,
};
inline constexpr int kMethodCount = 8;

// gRPC path, e.g. "/etcdserverpb.KV/Put".
std::string_view PathOf(Method method);

// Smallest range_end that covers every key beginning with `prefix`; one zero byte (all keys) when
// there is none.
std::string PrefixEnd(std::string_view prefix);

struct RangeSpec {
  std::string_view key;
  std::string_view range_end;
  int64_t limit = 0;
  int64_t revision = 0;
  bool serializable = false;
  bool keys_only = false;
  bool count_only = false;
};

// All functions append the protobuf message (without the gRPC prefix) to `out`.
void EncodePut(std::string_view key, std::string_view value, int64_t lease, std::string& out);
void EncodeRange(const RangeSpec& spec, std::string& out);
// If key's mod_revision equals `mod_revision`, put `value`; else read the key.
void EncodeCompareAndPut(std::string_view key, int64_t mod_revision, std::string_view value,
                         std::string& out);
// One more `success` put of a transaction without compares: `count` of them make a batched put.
void EncodeTxnPut(std::string_view key, std::string_view value, std::string& out);
void EncodeCompact(int64_t revision, bool physical, std::string& out);
void EncodeWatchCreate(std::string_view key, std::string_view range_end, std::string& out);
void EncodeLeaseGrant(int64_t ttl_seconds, std::string& out);
void EncodeLeaseKeepAlive(int64_t lease, std::string& out);

}  // namespace keelson::kvbench
