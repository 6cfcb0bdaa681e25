#include "server/api/pair_encoding.h"

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/check.h"
#include "google/protobuf/io/coded_stream.h"
#include "proto/etcd/rpc.pb.h"

namespace keelson::server {
namespace {

using google::protobuf::io::CodedOutputStream;

// One-byte tags of mvccpb.KeyValue and of RangeResponse.kvs: field << 3 | wire type.
constexpr uint8_t kKeyTag = 1 << 3 | 2;
constexpr uint8_t kCreateTag = 2 << 3;
constexpr uint8_t kModTag = 3 << 3;
constexpr uint8_t kVersionTag = 4 << 3;
constexpr uint8_t kValueTag = 5 << 3 | 2;
constexpr uint8_t kLeaseTag = 6 << 3;
constexpr uint8_t kKvsTag = 2 << 3 | 2;

size_t NumberSize(int64_t value) {
  return value == 0 ? 0 : 1 + CodedOutputStream::VarintSize64(static_cast<uint64_t>(value));
}

size_t BytesSize(std::string_view value) {
  return value.empty() ? 0 : 1 + CodedOutputStream::VarintSize64(value.size()) + value.size();
}

uint8_t* PutNumber(uint8_t tag, int64_t value, uint8_t* at) {
  if (value == 0) return at;
  *at++ = tag;
  return CodedOutputStream::WriteVarint64ToArray(static_cast<uint64_t>(value), at);
}

uint8_t* PutBytes(uint8_t tag, std::string_view value, uint8_t* at) {
  if (value.empty()) return at;
  *at++ = tag;
  at = CodedOutputStream::WriteVarint64ToArray(value.size(), at);
  std::memcpy(at, value.data(), value.size());
  return at + value.size();
}

size_t PairSize(const storage::KeyValueRef& pair) {
  return BytesSize(pair.key) + NumberSize(pair.create_revision) + NumberSize(pair.mod_revision) +
         NumberSize(pair.version) + BytesSize(pair.value) + NumberSize(pair.lease);
}

}  // namespace

std::string HeaderField(const etcdserverpb::ResponseHeader& header) {
  etcdserverpb::RangeResponse response;
  *response.mutable_header() = header;
  return response.SerializeAsString();
}

size_t PairFieldSize(const storage::KeyValueRef& pair) {
  const size_t size = PairSize(pair);
  return 1 + CodedOutputStream::VarintSize64(size) + size;
}

void AppendPairField(const storage::KeyValueRef& pair, std::string* out) {
  const size_t size = PairSize(pair);
  const size_t begin = out->size();
  out->resize(begin + 1 + CodedOutputStream::VarintSize64(size) + size);
  auto* at = reinterpret_cast<uint8_t*>(out->data() + begin);
  *at++ = kKvsTag;
  at = CodedOutputStream::WriteVarint64ToArray(size, at);
  at = PutBytes(kKeyTag, pair.key, at);
  at = PutNumber(kCreateTag, pair.create_revision, at);
  at = PutNumber(kModTag, pair.mod_revision, at);
  at = PutNumber(kVersionTag, pair.version, at);
  at = PutBytes(kValueTag, pair.value, at);
  at = PutNumber(kLeaseTag, pair.lease, at);
  KEELSON_CHECK(at == reinterpret_cast<uint8_t*>(out->data() + out->size()),
                "the size was computed right");
}

}  // namespace keelson::server
