#include "server/api/range_messages.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "server/api/pair_encoding.h"
#include "server/apply/errors.h"
#include "server/apply/range_answer.h"
#include "server/apply/ranges.h"

namespace keelson::server {
namespace {

using etcdserverpb::RangeRequest;

// One slice: short, so that whoever else needs the processor gets it soon.
constexpr storage::SliceBudget kSlice{.max_keys = 4096, .max_bytes = 240 << 10, .max_micros = 2000};

// A RangeStreamResponse with the fields of a RangeResponse.
std::string MessageOf(std::string pairs, const etcdserverpb::RangeResponse& others) {
  others.AppendToString(&pairs);
  etcdserverpb::RangeStreamResponse empty;
  empty.mutable_range_response();
  std::string message = empty.SerializeAsString().substr(0, 1);  // the field's tag
  for (size_t size = pairs.size();; size >>= 7) {
    message.push_back(static_cast<char>(size < 0x80 ? size : (size & 0x7f) | 0x80));
    if (size < 0x80) break;
  }
  return message + pairs;
}

RangeRequest CountOf(RangeRequest request) {
  request.set_count_only(true);
  request.clear_limit();
  return request;
}

}  // namespace

absl::Status CheckStreamable(const RangeRequest& request) {
  if (!IsKeyOrder(request)) return errors::NoStreamInThisOrder();
  if (request.min_mod_revision() != 0 || request.max_mod_revision() != 0 ||
      request.min_create_revision() != 0 || request.max_create_revision() != 0) {
    return errors::NoStreamOfSomeRevisions();
  }
  return absl::OkStatus();
}

RangeMessages::RangeMessages(storage::ReadViewPtr view, RangeRequest request,
                             etcdserverpb::ResponseHeader header)
    : view_(std::move(view)),
      request_(std::move(request)),
      header_(std::move(header)),
      limit_(static_cast<uint64_t>(std::max<int64_t>(request_.limit(), 0))) {}

RangeMessages::~RangeMessages() = default;

absl::Status RangeMessages::Begin() {
  begun_ = true;
  if (request_.count_only()) return absl::OkStatus();
  storage::RangeOptions options;
  options.revision = request_.revision();
  options.keys_only = request_.keys_only();
  auto cursor = view_->Range(ToRange(request_.key(), request_.range_end()), options);
  if (!cursor.ok()) return cursor.status();
  cursor_ = *std::move(cursor);
  return absl::OkStatus();
}

bool RangeMessages::AllRead() const { return cursor_ == nullptr || cursor_->done() || more_; }

absl::Status RangeMessages::ReadSlice(std::string* pairs) {
  storage::SliceBudget slice = kSlice;
  // One key beyond the limit tells that there are more.
  if (limit_ != 0) slice.max_keys = std::min(slice.max_keys, limit_ - taken_ + 1);
  const auto status = cursor_->Visit(slice, [this, pairs](const storage::KeyValueRef& pair) {
    if (limit_ != 0 && taken_ == limit_) {
      more_ = true;
      return;
    }
    ++taken_;
    storage::KeyValueRef shown = pair;
    if (request_.keys_only()) shown.value = {};
    AppendPairField(shown, pairs);
  });
  if (status.ok() && !more_ && cursor_->done()) count_ = static_cast<int64_t>(taken_);
  return status;
}

absl::Status RangeMessages::CountSlice() {
  if (counter_ == nullptr) counter_ = std::make_unique<RangeReader>(view_, CountOf(request_));
  const auto counted = counter_->Measure(kSlice);
  if (!counted.ok() || !*counted) return counted.status();
  const SharedBody answer = counter_->WholeWithoutHeader();
  etcdserverpb::RangeResponse facts;
  KEELSON_CHECK(facts.ParseFromString(answer.head), "a member reads what it has written");
  count_ = facts.count();
  return absl::OkStatus();
}

absl::StatusOr<MessageSource::Batch> RangeMessages::Next() {
  if (!begun_) {
    if (auto status = Begin(); !status.ok()) return status;
  }
  std::string pairs = std::move(held_);
  held_.clear();
  if (!AllRead()) {
    if (auto status = ReadSlice(&pairs); !status.ok()) return status;
  } else if (!count_) {
    if (auto status = CountSlice(); !status.ok()) return status;
  }
  Batch batch;
  if (!count_ && limit_ != 0 && taken_ == limit_) {
    held_ = std::move(pairs);
    return batch;
  }
  etcdserverpb::RangeResponse others;
  if (count_) {
    batch.last = true;
    *others.mutable_header() = header_;
    others.set_more(more_);
    others.set_count(*count_);
  }
  if (batch.last || !pairs.empty()) {
    batch.messages.push_back(MessageOf(std::move(pairs), others));
  }
  return batch;
}

}  // namespace keelson::server
