#include "bench/kvbench/decode.h"

#include <algorithm>

namespace keelson::kvbench {
namespace {

struct KeyValueView {
  std::string_view key;
  std::string_view value;
  int64_t mod_revision = 0;
};

bool DecodeKeyValue(std::string_view message, KeyValueView& kv) {
  ProtoReader reader(message);
  while (reader.Next()) {
    if (reader.field() == 1) kv.key = reader.bytes();
    if (reader.field() == 3) kv.mod_revision = static_cast<int64_t>(reader.varint());
    if (reader.field() == 5) kv.value = reader.bytes();
  }
  return reader.ok();
}

// The failure branch is one RequestOp{request_range}: responses[0].response_range.
bool DecodeBranchRead(std::string_view response_op, TxnResult& result) {
  ProtoReader reader(response_op);
  while (reader.Next()) {
    if (reader.field() != 1) continue;
    const std::optional<RangeResult> range = DecodeRange(reader.bytes());
    if (!range) return false;
    result.read_mod_revision = range->last_mod_revision;
  }
  return reader.ok();
}

bool DecodeEvent(std::string_view message, WatchEvent& event) {
  ProtoReader reader(message);
  while (reader.Next()) {
    if (reader.field() == 1) event.is_delete = reader.varint() == 1;
    if (reader.field() != 2) continue;
    KeyValueView kv;
    if (!DecodeKeyValue(reader.bytes(), kv)) return false;
    event.value = kv.value;
    event.mod_revision = kv.mod_revision;
  }
  return reader.ok();
}

}  // namespace

bool ProtoReader::ReadVarint(uint64_t& value) {
  value = 0;
  for (size_t i = 0; i < rest_.size() && i < 10; ++i) {
    const uint64_t byte = static_cast<uint8_t>(rest_[i]);
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      rest_.remove_prefix(i + 1);
      return true;
    }
  }
  ok_ = false;
  return false;
}

bool ProtoReader::Skip(size_t count) {
  if (count > rest_.size()) {
    ok_ = false;
    return false;
  }
  rest_.remove_prefix(count);
  return true;
}

bool ProtoReader::Next() {
  if (!ok_ || rest_.empty()) return false;
  uint64_t tag = 0;
  if (!ReadVarint(tag)) return false;
  field_ = static_cast<int>(tag >> 3);
  varint_ = 0;
  bytes_ = {};
  switch (tag & 7) {
    case 0:
      return ReadVarint(varint_);
    case 1:
      return Skip(8);
    case 2: {
      uint64_t length = 0;
      if (!ReadVarint(length)) return false;
      if (length <= rest_.size()) bytes_ = rest_.substr(0, length);
      return Skip(length);
    }
    case 5:
      return Skip(4);
    default:
      ok_ = false;
      return false;
  }
}

std::optional<int64_t> DecodeHeaderRevision(std::string_view message) {
  ProtoReader reader(message);
  int64_t revision = 0;
  while (reader.Next()) {
    if (reader.field() != 1) continue;
    ProtoReader header(reader.bytes());
    while (header.Next()) {
      if (header.field() == 3) revision = static_cast<int64_t>(header.varint());
    }
    if (!header.ok()) return std::nullopt;
    return revision;
  }
  if (!reader.ok()) return std::nullopt;
  return revision;
}

std::optional<RangeResult> DecodeRange(std::string_view message) {
  return DecodeRange(message, [](std::string_view, int64_t) {});
}

std::optional<RangeResult> DecodeRange(std::string_view message,
                                       absl::FunctionRef<void(std::string_view, int64_t)> on_pair) {
  RangeResult result;
  ProtoReader reader(message);
  while (reader.Next()) {
    if (reader.field() == 2) {
      KeyValueView kv;
      if (!DecodeKeyValue(reader.bytes(), kv)) return std::nullopt;
      ++result.kvs;
      result.last_key = kv.key;
      result.last_mod_revision = kv.mod_revision;
      on_pair(kv.key, kv.mod_revision);
    }
    if (reader.field() == 3) result.more = reader.varint() != 0;
    if (reader.field() == 4) result.count = static_cast<int64_t>(reader.varint());
  }
  const std::optional<int64_t> revision = DecodeHeaderRevision(message);
  if (!reader.ok() || !revision) return std::nullopt;
  result.revision = *revision;
  return result;
}

std::optional<TxnResult> DecodeTxn(std::string_view message) {
  TxnResult result;
  std::string_view first_response;
  ProtoReader reader(message);
  while (reader.Next()) {
    if (reader.field() == 2) result.succeeded = reader.varint() != 0;
    if (reader.field() == 3 && first_response.empty()) first_response = reader.bytes();
  }
  const std::optional<int64_t> revision = DecodeHeaderRevision(message);
  if (!reader.ok() || !revision) return std::nullopt;
  result.revision = *revision;
  if (!result.succeeded && !DecodeBranchRead(first_response, result)) return std::nullopt;
  return result;
}

std::optional<StatusResult> DecodeStatus(std::string_view message) {
  StatusResult result;
  ProtoReader reader(message);
  while (reader.Next()) {
    const uint64_t number = reader.varint();
    if (reader.field() == 1) {
      ProtoReader header(reader.bytes());
      while (header.Next()) {
        if (header.field() == 2) result.member_id = header.varint();
        if (header.field() == 3) result.revision = static_cast<int64_t>(header.varint());
      }
      if (!header.ok()) return std::nullopt;
    }
    if (reader.field() == 2) result.version = reader.bytes();
    if (reader.field() == 3) result.db_size = static_cast<int64_t>(number);
    if (reader.field() == 4) result.leader = number;
    if (reader.field() == 5) result.raft_index = number;
    if (reader.field() == 6) result.raft_term = number;
    if (reader.field() == 7) result.applied_index = number;
  }
  if (!reader.ok()) return std::nullopt;
  return result;
}

std::optional<WatchResult> DecodeWatch(std::string_view message,
                                       absl::FunctionRef<void(const WatchEvent&)> on_event) {
  WatchResult result;
  bool has_events = false;
  ProtoReader reader(message);
  while (reader.Next()) {
    if (reader.field() == 2) result.watch_id = static_cast<int64_t>(reader.varint());
    if (reader.field() == 3) result.created = reader.varint() != 0;
    if (reader.field() == 4) result.canceled = reader.varint() != 0;
    if (reader.field() == 5) result.compact_revision = static_cast<int64_t>(reader.varint());
    if (reader.field() == 6) result.cancel_reason = reader.bytes();
    if (reader.field() == 11) has_events = true;
  }
  if (!reader.ok()) return std::nullopt;
  if (!has_events) return result;
  // A second pass, because an event needs the watch id and fields may come in any order.
  ProtoReader again(message);
  while (again.Next()) {
    if (again.field() != 11) continue;
    WatchEvent event;
    event.watch_id = result.watch_id;
    if (!DecodeEvent(again.bytes(), event)) return std::nullopt;
    on_event(event);
  }
  return result;
}

std::optional<LeaseResult> DecodeLease(std::string_view message) {
  LeaseResult result;
  ProtoReader reader(message);
  while (reader.Next()) {
    if (reader.field() == 2) result.id = static_cast<int64_t>(reader.varint());
    if (reader.field() == 3) result.ttl = static_cast<int64_t>(reader.varint());
  }
  if (!reader.ok()) return std::nullopt;
  return result;
}

void RangeCounter::FinishVarint() {
  shift_ = 0;
  if (state_ == State::kTag) {
    field_ = value_ >> 3;
    const uint64_t wire_type = value_ & 7;
    if (wire_type != 0 && wire_type != 2) ok_ = false;
    state_ = wire_type == 2 ? State::kLength : State::kVarint;
  } else if (state_ == State::kLength) {
    if (field_ == 2) ++kvs_;
    skip_ = value_;
    state_ = skip_ == 0 ? State::kTag : State::kSkip;
  } else {
    if (field_ == 3) more_ = value_ != 0;
    if (field_ == 4) count_ = static_cast<int64_t>(value_);
    state_ = State::kTag;
  }
  value_ = 0;
}

void RangeCounter::Feed(std::string_view part) {
  bytes_ += part.size();
  while (ok_ && !part.empty()) {
    if (state_ == State::kSkip) {
      const size_t take = std::min<uint64_t>(skip_, part.size());
      part.remove_prefix(take);
      skip_ -= take;
      if (skip_ == 0) state_ = State::kTag;
      continue;
    }
    const uint64_t byte = static_cast<uint8_t>(part.front());
    part.remove_prefix(1);
    value_ |= (byte & 0x7f) << shift_;
    shift_ += 7;
    if (byte < 0x80) {
      FinishVarint();
    } else if (shift_ > 63) {
      ok_ = false;
    }
  }
}

}  // namespace keelson::kvbench
