#include "server/api/txn_reader.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "google/protobuf/io/coded_stream.h"
#include "server/api/pair_encoding.h"
#include "server/apply/compare.h"
#include "server/apply/errors.h"
#include "server/apply/ranges.h"

namespace keelson::server {
namespace {

using etcdserverpb::Compare;
using google::protobuf::io::CodedOutputStream;

// One-byte tags: TxnResponse.responses and ResponseOp.response_range.
constexpr char kResponsesTag = 3 << 3 | 2;
constexpr char kRangeTag = 1 << 3 | 2;

void AppendLength(size_t length, std::string* out) {
  uint8_t bytes[10];
  const uint8_t* end = CodedOutputStream::WriteVarint64ToArray(length, bytes);
  out->append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(end - bytes));
}

// Takes `work` keys off what a slice may still do. False once nothing is left.
bool Spend(uint64_t work, size_t bytes, storage::SliceBudget* left) {
  // 0 means no limit, so the last unit is never taken.
  const auto take = [](uint64_t cost, uint64_t* limit) {
    if (*limit == 0) return true;
    const bool enough = cost < *limit;
    *limit = enough ? *limit - cost : 1;
    return enough;
  };
  const bool keys_left = take(work, &left->max_keys);
  return take(bytes, &left->max_bytes) && keys_left;
}

// What a range answers inside a transaction: its header has the revision only.
std::string InnerHeader(int64_t revision) {
  etcdserverpb::ResponseHeader header;
  header.set_revision(revision);
  return HeaderField(header);
}

// The bytes of the field up to those of the reader, which are `size`.
std::string RangeHead(int64_t revision, size_t size) {
  const std::string header = InnerHeader(revision);
  const size_t range = header.size() + size;
  std::string head(1, kResponsesTag);
  AppendLength(1 + CodedOutputStream::VarintSize64(range) + range, &head);
  head.push_back(kRangeTag);
  AppendLength(range, &head);
  return head + header;
}

}  // namespace

TxnReader::TxnReader(storage::ReadViewPtr view, etcdserverpb::TxnRequest request, size_t keep_bytes)
    : view_(std::move(view)), request_(std::move(request)), keep_bytes_(keep_bytes) {}

TxnReader::~TxnReader() = default;

absl::StatusOr<bool> TxnReader::Measure(const storage::SliceBudget& budget) {
  if (measured_) return true;
  storage::SliceBudget left = budget;
  if (!chosen_) {
    const auto chosen = Choose(&left);
    if (!chosen.ok() || !*chosen) return chosen;
    if (auto status = CheckRevisions(); !status.ok()) return status;
    chosen_ = true;
  }
  const auto measured = MeasureRanges(&left);
  if (!measured.ok() || !*measured) return measured;
  measured_ = true;
  return true;
}

absl::StatusOr<bool> TxnReader::Choose(storage::SliceBudget* left) {
  while (succeeded_ && compared_ < request_.compare_size()) {
    bool holds = false;
    const auto known = Holds(request_.compare(compared_), left, &holds);
    if (!known.ok() || !*known) return known;
    succeeded_ = holds;
    ++compared_;
    if (!Spend(1, 0, left)) break;
  }
  return !succeeded_ || compared_ == request_.compare_size();
}

absl::StatusOr<bool> TxnReader::Holds(const Compare& compare, storage::SliceBudget* left,
                                      bool* holds) {
  if (compare.range_end().empty()) {
    const auto kv = view_->Get(compare.key());
    if (!kv.ok()) return kv.status();
    *holds = HoldsFor(compare, kv->get());
    return true;
  }
  if (compared_range_ == nullptr) {
    auto cursor = view_->Range(ToRange(compare.key(), compare.range_end()));
    if (!cursor.ok()) return cursor.status();
    compared_range_ = *std::move(cursor);
    compared_any_ = false;
  }
  std::vector<storage::KeyValuePtr> found;
  if (auto status = compared_range_->Next(*left, &found); !status.ok()) return status;
  compared_any_ = compared_any_ || !found.empty();
  *holds = std::all_of(found.begin(), found.end(),
                       [&compare](const auto& kv) { return HoldsFor(compare, kv.get()); });
  if (*holds && !compared_range_->done()) return false;
  if (!compared_any_) *holds = HoldsFor(compare, nullptr);
  compared_range_ = nullptr;
  Spend(found.size(), 0, left);
  return true;
}

// Negative revisions mean the latest to a range alone, but are checked here like any other.
absl::Status TxnReader::CheckRevisions() const {
  for (const auto& op : branch()) {
    const int64_t revision = op.request_range().revision();
    if (revision == 0) continue;
    if (revision > view_->revision()) return errors::FutureRevision();
    if (revision < view_->compact_revision()) return errors::Compacted();
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> TxnReader::MeasureRanges(storage::SliceBudget* left) {
  while (ranges_.size() < static_cast<size_t>(branch().size())) {
    if (reading_ == nullptr) {
      const auto& op = branch().Get(static_cast<int>(ranges_.size()));
      const size_t keep = keep_bytes_ - std::min(keep_bytes_, held_bytes_);
      reading_ = std::make_unique<RangeReader>(view_, op.request_range(), keep);
    }
    const uint64_t before = reading_->work();
    const auto measured = reading_->Measure(*left);
    if (!measured.ok() || !*measured) return measured;
    held_bytes_ += reading_->held_bytes();
    const bool more = Spend(reading_->work() - before + 1, reading_->size(), left);
    std::string head = RangeHead(view_->revision(), reading_->size());
    ranges_bytes_ += head.size() + reading_->size();
    ranges_.push_back({std::move(head), std::move(reading_)});
    if (!more) break;
  }
  return ranges_.size() == static_cast<size_t>(branch().size());
}

// All fields but the header and the responses.
std::string TxnReader::Facts() const {
  etcdserverpb::TxnResponse response;
  response.set_succeeded(succeeded_);
  return response.SerializeAsString();
}

size_t TxnReader::size() const {
  KEELSON_CHECK(measured_, "the answer is measured");
  return Facts().size() + ranges_bytes_;
}

absl::StatusOr<AnswerSource::Part> TxnReader::NextPart(const storage::SliceBudget& budget) {
  KEELSON_CHECK(measured_, "the answer is measured");
  if (!std::exchange(facts_out_, true)) return std::make_shared<const std::string>(Facts());
  while (next_ < ranges_.size()) {
    Range& range = ranges_[next_];
    if (!std::exchange(head_out_, true)) {
      return std::make_shared<const std::string>(std::move(range.head));
    }
    auto part = range.reader->NextPart(budget);
    if (!part.ok() || *part != nullptr) return part;
    // Here, and not where all of them are destroyed, since that may be the loop.
    range.reader = nullptr;
    ++next_;
    head_out_ = false;
  }
  return Part();
}

SharedBody TxnReader::Whole(const etcdserverpb::ResponseHeader& header) {
  KEELSON_CHECK(measured_ && !facts_out_, "the answer is all here");
  facts_out_ = true;
  SharedBody body;
  body.head = HeaderField(header) + Facts();
  for (Range& range : ranges_) {
    body.head.append(range.head);
    // Its header stands in the head already.
    const SharedBody pairs = range.reader->WholeWithoutHeader();
    body.head.append(pairs.head);
    if (pairs.tail) body.head.append(*pairs.tail);
  }
  next_ = ranges_.size();
  return body;
}

}  // namespace keelson::server
