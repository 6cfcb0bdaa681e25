#include "server/api/range_reader.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "server/api/pair_encoding.h"
#include "server/apply/range_answer.h"
#include "server/apply/ranges.h"

namespace keelson::server {
namespace {

// Pairs are gathered in pieces of this size: large enough to be sent by reference.
constexpr size_t kPieceBytes = 240 << 10;

// How many pairs beyond the limit are gathered before they are sifted.
constexpr uint64_t kSiftFrom = 4096;

}  // namespace

RangeReader::RangeReader(storage::ReadViewPtr view, etcdserverpb::RangeRequest request,
                         size_t keep_bytes)
    : view_(std::move(view)),
      request_(std::move(request)),
      range_(ToRange(request_.key(), request_.range_end())),
      keep_bytes_(keep_bytes),
      in_key_order_(IsKeyOrder(request_)),
      limit_(static_cast<uint64_t>(std::max<int64_t>(request_.limit(), 0))),
      to_read_(KeysToRead(request_)) {}

RangeReader::~RangeReader() = default;

absl::StatusOr<std::unique_ptr<storage::RangeCursor>> RangeReader::OpenCursor(
    std::string_view from) const {
  storage::RangeOptions options;
  options.revision = request_.revision();
  options.keys_only = !NeedsValues(request_);
  return view_->Range({std::string(from), range_.end}, options);
}

absl::Status RangeReader::Begin() {
  begun_ = true;
  if (auto status = view_->CheckRevision(request_.revision()); !status.ok()) return status;
  if (request_.count_only()) return absl::OkStatus();
  if (range_.single()) {
    const auto kv = view_->Get(range_.begin, request_.revision());
    if (!kv.ok()) return kv.status();
    count_ = *kv != nullptr ? 1 : 0;
    if (*kv == nullptr) return absl::OkStatus();
    const storage::KeyValueRef pair(**kv);
    if (PassesFilter(request_, pair)) Take(pair);
    return absl::OkStatus();
  }
  auto cursor = OpenCursor(range_.begin);
  if (!cursor.ok()) return cursor.status();
  cursor_ = *std::move(cursor);
  return absl::OkStatus();
}

bool RangeReader::ReadEnough() const {
  return cursor_ == nullptr || cursor_->done() || (to_read_ != 0 && read_ >= to_read_) ||
         (in_key_order_ && more_);
}

absl::Status RangeReader::ReadSlice(const storage::SliceBudget& budget) {
  storage::SliceBudget slice = budget;
  if (to_read_ != 0) {
    const uint64_t left = to_read_ - read_;
    slice.max_keys = budget.max_keys == 0 ? left : std::min(budget.max_keys, left);
  }
  const auto status = cursor_->Visit(slice, [this](const storage::KeyValueRef& pair) {
    ++read_;
    if (PassesFilter(request_, pair)) Take(pair);
  });
  if (!in_key_order_) TrimToLimit();
  return status;
}

void RangeReader::Take(const storage::KeyValueRef& pair) {
  if (!in_key_order_) {
    auto kv = std::make_shared<storage::KeyValue>();
    kv->key = std::string(pair.key);
    kv->value = std::string(pair.value);
    kv->create_revision = pair.create_revision;
    kv->mod_revision = pair.mod_revision;
    kv->version = pair.version;
    kv->lease = pair.lease;
    found_.push_back(std::move(kv));
    return;
  }
  if (limit_ != 0 && taken_ == limit_) {
    more_ = true;
    return;
  }
  ++taken_;
  storage::KeyValueRef shown = pair;
  if (request_.keys_only()) shown.value = {};
  pairs_bytes_ += PairFieldSize(shown);
  if (again_from_) return;
  if (kept_bytes_ >= keep_bytes_) {
    again_from_ = std::string(pair.key);
    return;
  }
  Keep(shown);
}

void RangeReader::Keep(const storage::KeyValueRef& pair) {
  if (kept_.empty() || kept_.back()->size() >= kPieceBytes) {
    const bool is_long = !kept_.empty();
    kept_.push_back(std::make_shared<std::string>());
    if (is_long) kept_.back()->reserve(kPieceBytes + PairFieldSize(pair));
  }
  AppendPairField(pair, kept_.back().get());
  kept_bytes_ = pairs_bytes_;
}

// Of more pairs than the limit lets out only the first in the request's order matter, and one that
// tells that there are more.
void RangeReader::TrimToLimit() {
  if (limit_ == 0 || found_.size() < 2 * limit_ + kSiftFrom) return;
  const auto keep = static_cast<std::ptrdiff_t>(limit_) + 1;
  std::nth_element(found_.begin(), found_.begin() + keep - 1, found_.end(),
                   [this](const auto& a, const auto& b) { return ComesBefore(request_, *a, *b); });
  found_.resize(limit_ + 1);
}

absl::StatusOr<bool> RangeReader::CountSlice(const storage::SliceBudget& budget) {
  if (count_) return true;
  if (!request_.count_only() && cursor_->done()) {
    count_ = static_cast<int64_t>(read_);
    return true;
  }
  counted_apart_ = true;
  const int64_t revision = request_.revision();
  if (revision <= 0 || revision == view_->revision()) {
    const auto count = view_->Count(range_);
    if (!count.ok()) return count.status();
    count_ = *count;
    return true;
  }
  if (counter_ == nullptr) {
    auto counter = view_->CountAt(range_, revision);
    if (!counter.ok()) return counter.status();
    counter_ = *std::move(counter);
  }
  const auto count = counter_->Step(budget);
  if (!count.ok()) return count.status();
  if (count->has_value()) count_ = **count;
  return count_.has_value();
}

absl::StatusOr<bool> RangeReader::Measure(const storage::SliceBudget& budget) {
  if (measured_) return true;
  if (!begun_) {
    if (auto status = Begin(); !status.ok()) return status;
  }
  if (!ReadEnough()) {
    if (auto status = ReadSlice(budget); !status.ok()) return status;
    if (!ReadEnough()) return false;
  }
  const auto counted = CountSlice(budget);
  if (!counted.ok() || !*counted) return counted;
  Conclude();
  return true;
}

void RangeReader::Conclude() {
  measured_ = true;
  cursor_ = nullptr;
  counter_ = nullptr;
  if (in_key_order_) return;
  order_.reserve(found_.size());
  for (const storage::KeyValuePtr& kv : found_) order_.push_back(kv.get());
  more_ = Arrange(request_, &order_);
  for (const storage::KeyValue* kv : order_) {
    storage::KeyValueRef pair(*kv);
    if (request_.keys_only()) pair.value = {};
    pairs_bytes_ += PairFieldSize(pair);
  }
}

// All fields but the header and the pairs.
std::string RangeReader::Facts() const {
  etcdserverpb::RangeResponse response;
  response.set_more(more_);
  response.set_count(*count_);
  return response.SerializeAsString();
}

size_t RangeReader::size() const {
  KEELSON_CHECK(measured_, "the answer is measured");
  return Facts().size() + pairs_bytes_;
}

absl::StatusOr<AnswerSource::Part> RangeReader::NextPart(const storage::SliceBudget& budget) {
  KEELSON_CHECK(measured_, "the answer is measured");
  if (!std::exchange(facts_out_, true)) return std::make_shared<const std::string>(Facts());
  if (out_bytes_ == pairs_bytes_) return Part();
  Part part;
  if (!in_key_order_) {
    part = EncodeSome(budget);
  } else if (kept_out_ < kept_.size()) {
    part = std::move(kept_[kept_out_++]);
  } else {
    auto read = ReadAgain(budget);
    if (!read.ok()) return read;
    part = *std::move(read);
  }
  out_bytes_ += part->size();
  KEELSON_CHECK(out_bytes_ <= pairs_bytes_, "a view always reads the same");
  return part;
}

absl::StatusOr<AnswerSource::Part> RangeReader::ReadAgain(const storage::SliceBudget& budget) {
  KEELSON_CHECK(again_from_.has_value(), "what was not kept begins somewhere");
  if (cursor_ == nullptr) {
    auto cursor = OpenCursor(*again_from_);
    if (!cursor.ok()) return cursor.status();
    cursor_ = *std::move(cursor);
  }
  KEELSON_CHECK(!cursor_->done(), "a view always reads the same");
  auto part = std::make_shared<std::string>();
  const size_t left = pairs_bytes_ - out_bytes_;
  part->reserve(std::min<size_t>(left, kPieceBytes));
  const auto status = cursor_->Visit(budget, [&](const storage::KeyValueRef& pair) {
    if (part->size() == left || !PassesFilter(request_, pair)) return;
    storage::KeyValueRef shown = pair;
    if (request_.keys_only()) shown.value = {};
    AppendPairField(shown, part.get());
  });
  if (!status.ok()) return status;
  return part;
}

AnswerSource::Part RangeReader::EncodeSome(const storage::SliceBudget& budget) {
  auto part = std::make_shared<std::string>();
  const size_t limit = budget.max_bytes == 0 ? SIZE_MAX : budget.max_bytes;
  for (; next_ < order_.size() && part->size() < limit; ++next_) {
    storage::KeyValueRef pair(*order_[next_]);
    if (request_.keys_only()) pair.value = {};
    AppendPairField(pair, part.get());
  }
  if (next_ == order_.size()) {
    // Here, and not where the reader is destroyed, since that may be the loop.
    found_ = {};
    order_ = {};
  }
  return part;
}

SharedBody RangeReader::Whole(const etcdserverpb::ResponseHeader& header) {
  return WholeAfter(HeaderField(header));
}

SharedBody RangeReader::WholeAfter(std::string head) {
  KEELSON_CHECK(measured_ && !facts_out_ && !again_from_, "the answer is short and all here");
  facts_out_ = true;
  SharedBody body;
  body.head = std::move(head);
  body.head.append(Facts());
  if (!in_key_order_) {
    body.tail = EncodeSome({.max_keys = 0, .max_bytes = 0, .max_micros = 0});
  } else if (kept_.size() == 1) {
    body.tail = std::move(kept_.front());
  } else {
    for (const auto& piece : kept_) body.head.append(*piece);
  }
  kept_.clear();
  out_bytes_ = pairs_bytes_;
  return body;
}

}  // namespace keelson::server
