#include "server/api/lease_keys_reader.h"

#include <utility>

#include "base/check.h"
#include "google/protobuf/io/coded_stream.h"
#include "proto/etcd/rpc.pb.h"
#include "server/api/pair_encoding.h"

namespace keelson::server {
namespace {

using google::protobuf::io::CodedOutputStream;

constexpr char kKeysTag = etcdserverpb::LeaseTimeToLiveResponse::kKeysFieldNumber << 3 | 2;

void AppendKeyField(std::string_view key, std::string* out) {
  uint8_t length[10];
  const uint8_t* end = CodedOutputStream::WriteVarint64ToArray(key.size(), length);
  out->push_back(kKeysTag);
  out->append(reinterpret_cast<const char*>(length), static_cast<size_t>(end - length));
  out->append(key);
}

}  // namespace

LeaseKeysReader::LeaseKeysReader(storage::ReadViewPtr view,
                                 const etcdserverpb::LeaseTimeToLiveResponse& facts,
                                 size_t keep_bytes)
    : view_(std::move(view)),
      lease_(facts.id()),
      facts_(facts.SerializeAsString()),
      keep_bytes_(keep_bytes),
      cursor_(view_->LeaseKeys(lease_)) {}

absl::StatusOr<bool> LeaseKeysReader::Measure(const storage::SliceBudget& budget) {
  if (measured_) return true;
  auto slice = std::make_shared<std::string>();
  const auto status =
      cursor_->Visit(budget, [&](std::string_view key) { AppendKeyField(key, slice.get()); });
  if (!status.ok()) return status;
  keys_bytes_ += slice->size();
  all_kept_ = all_kept_ && keys_bytes_ <= keep_bytes_;
  if (!all_kept_) {
    kept_.clear();
  } else if (!slice->empty()) {
    kept_.push_back(std::move(slice));
  }
  measured_ = cursor_->done();
  if (measured_) cursor_ = nullptr;
  return measured_;
}

size_t LeaseKeysReader::size() const {
  KEELSON_CHECK(measured_, "the answer is measured");
  return facts_.size() + keys_bytes_;
}

absl::StatusOr<AnswerSource::Part> LeaseKeysReader::NextPart(const storage::SliceBudget& budget) {
  KEELSON_CHECK(measured_, "the answer is measured");
  if (!std::exchange(facts_out_, true)) return std::make_shared<const std::string>(facts_);
  if (out_bytes_ == keys_bytes_) return Part();
  Part part;
  if (all_kept_) {
    part = std::move(kept_[kept_out_++]);
  } else {
    if (cursor_ == nullptr) cursor_ = view_->LeaseKeys(lease_);
    auto slice = std::make_shared<std::string>();
    const auto status =
        cursor_->Visit(budget, [&](std::string_view key) { AppendKeyField(key, slice.get()); });
    if (!status.ok()) return status;
    part = std::move(slice);
  }
  out_bytes_ += part->size();
  KEELSON_CHECK(out_bytes_ <= keys_bytes_, "a view always reads the same");
  return part;
}

SharedBody LeaseKeysReader::Whole(const etcdserverpb::ResponseHeader& header) {
  KEELSON_CHECK(measured_ && !facts_out_ && all_kept_, "the answer is short and all here");
  facts_out_ = true;
  SharedBody body;
  body.head = HeaderField(header) + facts_;
  for (const auto& slice : kept_) body.head.append(*slice);
  out_bytes_ = keys_bytes_;
  return body;
}

}  // namespace keelson::server
