#include "raft/forwarded_reads.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace keelson::raft {

ReadNonce ForwardedReads::Ask(Term term) {
  KEELSON_CHECK(!IsEmpty(), "no read to ask for");
  ++counter_;
  if (asked_.empty()) {
    asked_ = std::exchange(waiting_, {});
    first_ = counter_;
  }
  return ReadNonce{term, boot_id_, counter_};
}

std::vector<PendingRead> ForwardedReads::Answered(const ReadNonce& nonce) {
  const bool ours = nonce.boot_id == boot_id_ && nonce.counter >= first_ &&
                    nonce.counter <= counter_ && !asked_.empty();
  if (!ours) return {};
  return std::exchange(asked_, {});
}

std::vector<PendingRead> ForwardedReads::Expire(uint64_t now) {
  std::vector<PendingRead> expired;
  for (std::vector<PendingRead>* reads : {&asked_, &waiting_}) {
    const auto end = std::stable_partition(
        reads->begin(), reads->end(), [&](const PendingRead& read) { return read.deadline > now; });
    expired.insert(expired.end(), end, reads->end());
    reads->erase(end, reads->end());
  }
  return expired;
}

std::vector<PendingRead> ForwardedReads::TakeAll() {
  std::vector<PendingRead> all = std::exchange(asked_, {});
  std::move(waiting_.begin(), waiting_.end(), std::back_inserter(all));
  waiting_.clear();
  return all;
}

}  // namespace keelson::raft
