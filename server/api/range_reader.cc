#include "server/api/range_reader.h"

#include <utility>

#include "base/check.h"
#include "google/protobuf/io/coded_stream.h"
#include "server/apply/range_answer.h"
#include "server/apply/ranges.h"

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

size_t BytesSize(const std::string& value) {
  return value.empty() ? 0 : 1 + CodedOutputStream::VarintSize64(value.size()) + value.size();
}

uint8_t* PutNumber(uint8_t tag, int64_t value, uint8_t* at) {
  if (value == 0) return at;
  *at++ = tag;
  return CodedOutputStream::WriteVarint64ToArray(static_cast<uint64_t>(value), at);
}

uint8_t* PutBytes(uint8_t tag, const std::string& value, uint8_t* at) {
  if (value.empty()) return at;
  *at++ = tag;
  at = CodedOutputStream::WriteVarint64ToArray(value.size(), at);
  return CodedOutputStream::WriteStringToArray(value, at);
}

}  // namespace

void AppendKeyValueField(const storage::KeyValue& kv, bool with_value, std::string* out) {
  static const std::string& no_value = *new std::string();
  const std::string& value = with_value ? kv.value : no_value;
  const size_t size = BytesSize(kv.key) + NumberSize(kv.create_revision) +
                      NumberSize(kv.mod_revision) + NumberSize(kv.version) + BytesSize(value) +
                      NumberSize(kv.lease);
  const size_t begin = out->size();
  out->resize(begin + 1 + CodedOutputStream::VarintSize64(size) + size);
  auto* at = reinterpret_cast<uint8_t*>(out->data() + begin);
  *at++ = kKvsTag;
  at = CodedOutputStream::WriteVarint64ToArray(size, at);
  at = PutBytes(kKeyTag, kv.key, at);
  at = PutNumber(kCreateTag, kv.create_revision, at);
  at = PutNumber(kModTag, kv.mod_revision, at);
  at = PutNumber(kVersionTag, kv.version, at);
  at = PutBytes(kValueTag, value, at);
  at = PutNumber(kLeaseTag, kv.lease, at);
  KEELSON_CHECK(at == reinterpret_cast<uint8_t*>(out->data() + out->size()),
                "the size was computed right");
}

RangeReader::RangeReader(storage::ReadViewPtr view, etcdserverpb::RangeRequest request)
    : view_(std::move(view)),
      request_(std::move(request)),
      range_(ToRange(request_.key(), request_.range_end())),
      plain_(IsPlainOrder(request_)),
      to_read_(KeysToRead(request_)),
      encoded_(std::make_shared<std::string>()) {
  // Ascending by key needs no second look, so the limit holds while reading.
  if (plain_ && request_.limit() > 0) to_read_ = static_cast<uint64_t>(request_.limit()) + 1;
}

absl::Status RangeReader::Begin() {
  begun_ = true;
  if (auto status = view_->CheckRevision(request_.revision()); !status.ok()) return status;
  if (request_.count_only()) return absl::OkStatus();
  if (range_.single()) {
    auto kv = view_->Get(range_.begin, request_.revision());
    if (!kv.ok()) return kv.status();
    if (*kv != nullptr) found_.push_back(*std::move(kv));
    count_ = static_cast<int64_t>(found_.size());
    plain_ = false;
    return absl::OkStatus();
  }
  storage::RangeOptions options;
  options.revision = request_.revision();
  options.keys_only = !NeedsValues(request_);
  auto cursor = view_->Range(range_, options);
  if (!cursor.ok()) return cursor.status();
  cursor_ = *std::move(cursor);
  return absl::OkStatus();
}

bool RangeReader::ReadEnough() const {
  return cursor_ == nullptr || cursor_->done() || (to_read_ != 0 && read_ >= to_read_);
}

absl::Status RangeReader::ReadSlice(const storage::SliceBudget& budget) {
  storage::SliceBudget slice = budget;
  if (to_read_ != 0 && (slice.max_keys == 0 || slice.max_keys > to_read_ - read_)) {
    slice.max_keys = to_read_ - read_;
  }
  if (!plain_) {
    const size_t before = found_.size();
    const auto status = cursor_->Next(slice, &found_);
    read_ += found_.size() - before;
    return status;
  }
  std::vector<storage::KeyValuePtr> some;
  if (auto status = cursor_->Next(slice, &some); !status.ok()) return status;
  for (const storage::KeyValuePtr& kv : some) {
    ++read_;
    if (request_.limit() > 0 && read_ > static_cast<uint64_t>(request_.limit())) {
      more_ = true;
    } else {
      AppendKeyValueField(*kv, !request_.keys_only(), encoded_.get());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> RangeReader::CountSlice(const storage::SliceBudget& budget) {
  if (count_) return true;
  if (!request_.count_only() && cursor_->done()) {
    count_ = static_cast<int64_t>(read_);
    return true;
  }
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

absl::StatusOr<bool> RangeReader::Step(const storage::SliceBudget& budget) {
  if (!begun_) {
    if (auto status = Begin(); !status.ok()) return status;
  }
  if (!ReadEnough()) {
    if (auto status = ReadSlice(budget); !status.ok()) return status;
    if (!ReadEnough()) return false;
  }
  return CountSlice(budget);
}

SharedBody RangeReader::FinishPlain(const etcdserverpb::ResponseHeader& header) {
  etcdserverpb::RangeResponse response;
  *response.mutable_header() = header;
  response.set_more(more_);
  response.set_count(*count_);
  return SharedBody{response.SerializeAsString(), std::move(encoded_)};
}

SharedBody RangeReader::FinishSorted(const etcdserverpb::ResponseHeader& header) {
  etcdserverpb::RangeResponse response;
  *response.mutable_header() = header;
  std::vector<const storage::KeyValue*> pairs;
  pairs.reserve(found_.size());
  for (const storage::KeyValuePtr& kv : found_) pairs.push_back(kv.get());
  FillRangeResponse(request_, std::move(pairs), *count_, &response);
  return SharedBody{response.SerializeAsString(), nullptr};
}

SharedBody RangeReader::Finish(const etcdserverpb::ResponseHeader& header) {
  KEELSON_CHECK(count_.has_value(), "everything is read");
  return plain_ && !request_.count_only() ? FinishPlain(header) : FinishSorted(header);
}

}  // namespace keelson::server
