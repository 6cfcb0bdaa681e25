#include "server/api/hash_reader.h"

#include <utility>

#include "base/check.h"
#include "server/api/pair_encoding.h"

namespace keelson::server {

HashReader::HashReader(SlicedHash hash, Encode encode) : hash_(std::move(hash)), encode_(encode) {}

absl::StatusOr<bool> HashReader::Measure(const storage::SliceBudget& budget) {
  if (answer_ != nullptr) return true;
  const auto result = hash_->Step(budget);
  if (!result.ok()) return result.status();
  if (!result->has_value()) return false;
  answer_ = std::make_shared<const std::string>(encode_(**result));
  hash_ = nullptr;
  return true;
}

size_t HashReader::size() const {
  KEELSON_CHECK(answer_ != nullptr, "the answer is measured");
  return answer_->size();
}

absl::StatusOr<AnswerSource::Part> HashReader::NextPart(const storage::SliceBudget&) {
  KEELSON_CHECK(answer_ != nullptr, "the answer is measured");
  return std::exchange(out_, true) ? Part() : answer_;
}

SharedBody HashReader::Whole(const etcdserverpb::ResponseHeader& header) {
  KEELSON_CHECK(answer_ != nullptr && !out_, "the answer is measured, and given once");
  out_ = true;
  return {HeaderField(header), answer_};
}

}  // namespace keelson::server
