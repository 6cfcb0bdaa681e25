// Answers one LeaseTimeToLive request that asks for keys, from a pinned view, in slices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/api/answer_source.h"
#include "server/api/call.h"
#include "storage/mvcc/read_view.h"

namespace etcdserverpb {
class LeaseTimeToLiveResponse;
class ResponseHeader;
}  // namespace etcdserverpb

namespace keelson::server {

// Keys are encoded as they are read. Where they are too many to be kept only their size is noted,
// and they are read a second time when they are sent.
class LeaseKeysReader final : public AnswerSource {
 public:
  // Bytes of encoded keys that are kept before the first part is sent.
  static constexpr size_t kKeepBytes = 4 << 20;

  // `facts` is the answer but for the header and the keys; its id is the lease.
  LeaseKeysReader(storage::ReadViewPtr view, const etcdserverpb::LeaseTimeToLiveResponse& facts,
                  size_t keep_bytes = kKeepBytes);

  absl::StatusOr<bool> Measure(const storage::SliceBudget& budget) override;
  size_t size() const override;
  absl::StatusOr<Part> NextPart(const storage::SliceBudget& budget) override;

  // The whole answer, `header` in it. REQUIRES: Measure returned true, and no more than the bytes
  // to keep was read. Once, and instead of NextPart.
  SharedBody Whole(const etcdserverpb::ResponseHeader& header);

 private:
  const storage::ReadViewPtr view_;
  const int64_t lease_;
  const std::string facts_;
  const size_t keep_bytes_;

  std::unique_ptr<storage::LeaseKeyCursor> cursor_;
  size_t keys_bytes_ = 0;
  bool measured_ = false;
  bool all_kept_ = true;
  std::vector<std::shared_ptr<const std::string>> kept_;  // a slice each

  bool facts_out_ = false;
  size_t kept_out_ = 0;
  size_t out_bytes_ = 0;  // of keys
};

}  // namespace keelson::server
