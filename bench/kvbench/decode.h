// Answers of etcd's API decoded only as far as the load generator needs them. Every view points
// into the message given; nothing is copied. A malformed message is an error, never a guess.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/functional/function_ref.h"

namespace keelson::kvbench {

// Walks the fields of one protobuf message.
class ProtoReader {
 public:
  explicit ProtoReader(std::string_view message) : rest_(message) {}

  // Advances to the next field; false at the end or when malformed (then `ok()` is false).
  bool Next();
  bool ok() const { return ok_; }

  int field() const { return field_; }
  // Value of a varint field (wire type 0), else 0.
  uint64_t varint() const { return varint_; }
  // Content of a length-delimited field (wire type 2), else empty.
  std::string_view bytes() const { return bytes_; }

 private:
  bool ReadVarint(uint64_t& value);
  bool Skip(size_t count);

  std::string_view rest_;
  std::string_view bytes_;
  uint64_t varint_ = 0;
  int field_ = 0;
  bool ok_ = true;
};

struct RangeResult {
  int64_t revision = 0;
  int64_t kvs = 0;    // pairs in this answer
  int64_t count = 0;  // pairs in the range
  bool more = false;
  std::string_view last_key;
  int64_t last_mod_revision = 0;
};

struct TxnResult {
  int64_t revision = 0;
  bool succeeded = false;
  int64_t read_mod_revision = 0;  // of the key that the failure branch read; 0 if it does not exist
};

struct StatusResult {
  uint64_t member_id = 0;
  uint64_t leader = 0;
  uint64_t raft_term = 0;
  uint64_t raft_index = 0;
  uint64_t applied_index = 0;
  int64_t revision = 0;
  int64_t db_size = 0;
  std::string_view version;
};

struct WatchEvent {
  int64_t watch_id = 0;
  std::string_view value;
  int64_t mod_revision = 0;
  bool is_delete = false;
};

struct WatchResult {
  int64_t watch_id = 0;
  bool created = false;
  bool canceled = false;
  int64_t compact_revision = 0;
  std::string_view cancel_reason;
};

struct LeaseResult {
  int64_t id = 0;
  int64_t ttl = 0;
};

// `revision` of the answer's header (field 1 of every answer); 0 if absent.
std::optional<int64_t> DecodeHeaderRevision(std::string_view message);
std::optional<RangeResult> DecodeRange(std::string_view message);
// The same, calling `on_pair` with key and mod_revision of each pair, in order.
std::optional<RangeResult> DecodeRange(std::string_view message,
                                       absl::FunctionRef<void(std::string_view, int64_t)> on_pair);
std::optional<TxnResult> DecodeTxn(std::string_view message);
std::optional<StatusResult> DecodeStatus(std::string_view message);
// Calls `on_event` for each event, in order.
std::optional<WatchResult> DecodeWatch(std::string_view message,
                                       absl::FunctionRef<void(const WatchEvent&)> on_event);
// Of LeaseGrantResponse and LeaseKeepAliveResponse (same numbers).
std::optional<LeaseResult> DecodeLease(std::string_view message);

// Counts the pairs of a RangeResponse that arrives in pieces, so that an answer of hundreds of
// megabytes is checked without being held.
class RangeCounter {
 public:
  void Reset() { *this = RangeCounter(); }
  void Feed(std::string_view part);

  bool ok() const { return ok_; }
  // True at a field boundary: the message may end here.
  bool complete() const { return ok_ && state_ == State::kTag && shift_ == 0; }
  int64_t kvs() const { return kvs_; }
  int64_t count() const { return count_; }
  bool more() const { return more_; }
  uint64_t bytes() const { return bytes_; }

 private:
  enum class State { kTag, kLength, kVarint, kSkip };
  void FinishVarint();

  State state_ = State::kTag;
  bool ok_ = true;
  bool more_ = false;
  int shift_ = 0;
  uint64_t value_ = 0;
  uint64_t field_ = 0;
  uint64_t skip_ = 0;
  uint64_t bytes_ = 0;
  int64_t kvs_ = 0;
  int64_t count_ = 0;
};

}  // namespace keelson::kvbench
