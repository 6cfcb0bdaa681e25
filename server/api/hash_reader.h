// The answer to Hash and HashKV: small, but a whole store is read for it, slice by slice.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/api/answer_source.h"
#include "server/api/call.h"
#include "storage/mvcc/read_view.h"

namespace etcdserverpb {
class ResponseHeader;
}

namespace keelson::server {

// May be used from any thread, by one at a time.
class HashReader final : public AnswerSource {
 public:
  using SlicedHash = std::unique_ptr<storage::SlicedResult<storage::HashResult>>;
  // The bytes of the response, its header left out.
  using Encode = std::string (*)(const storage::HashResult& result);

  HashReader(SlicedHash hash, Encode encode);

  absl::StatusOr<bool> Measure(const storage::SliceBudget& budget) override;
  size_t size() const override;
  absl::StatusOr<Part> NextPart(const storage::SliceBudget& budget) override;

  // The whole answer, `header` in it. REQUIRES: Measure returned true.
  SharedBody Whole(const etcdserverpb::ResponseHeader& header);

 private:
  SlicedHash hash_;  // null once it is known
  const Encode encode_;
  Part answer_;
  bool out_ = false;
};

}  // namespace keelson::server
