// Header blocks of gRPC calls, made so that in the steady state neither side of a call costs a
// header codec run: after the first call of a method its request block is a constant of a few index
// bytes, and an answer block seen before is recognised by comparison.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/kvbench/wire.h"

struct nghttp2_hd_inflater;

namespace keelson::kvbench {

// Encodes request headers of one connection (RFC 7541). Uses only the static table, literals with
// incremental indexing and indexes; with a peer table too small for our few entries, plain
// literals.
class RequestHeaders {
 public:
  explicit RequestHeaders(std::string authority);

  // SETTINGS_HEADER_TABLE_SIZE of the peer.
  void SetPeerTableSize(uint32_t bytes);

  // Appends the header block that starts a call of `method`.
  void Append(Method method, std::string& out);

 private:
  void AppendField(size_t entry, uint8_t name_index, std::string_view name, std::string_view value,
                   std::string& out);

  std::string authority_;
  bool indexing_ = true;
  bool announce_empty_table_ = false;
  uint32_t inserted_ = 0;
  std::array<uint32_t, kMethodCount + 3> inserted_as_{};  // 0: not in the table
  std::array<std::string, kMethodCount> cached_;
  std::array<uint32_t, kMethodCount> cached_at_{};  // `inserted_` when cached; 0: never
};

// What the answer's header blocks say about a call.
struct ResponseHeaders {
  int http_status = 0;   // 0: no :status in this block
  int grpc_status = -1;  // -1: no grpc-status in this block
  std::string grpc_message;
};

// Decodes the header blocks of one connection, in the order they arrive.
class ResponseHeaderDecoder {
 public:
  ResponseHeaderDecoder();
  ~ResponseHeaderDecoder();
  ResponseHeaderDecoder(const ResponseHeaderDecoder&) = delete;
  ResponseHeaderDecoder& operator=(const ResponseHeaderDecoder&) = delete;

  // Null on a block that breaks the compression rules (the connection is lost then). The pointer is
  // valid until the next call.
  const ResponseHeaders* Decode(std::string_view block);

 private:
  struct Known {
    std::string block;
    ResponseHeaders headers;
  };

  bool Inflate(std::string_view block);

  struct InflaterDeleter {
    void operator()(nghttp2_hd_inflater* inflater) const;
  };
  std::unique_ptr<nghttp2_hd_inflater, InflaterDeleter> inflater_;
  std::vector<Known> known_;  // blocks of nothing but indexes, valid until the table changes
  ResponseHeaders current_;
};

// gRPC's percent-encoding of grpc-message undone; malformed escapes stay as they are.
std::string PercentDecode(std::string_view text);

}  // namespace keelson::kvbench
