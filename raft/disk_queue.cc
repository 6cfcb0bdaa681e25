#include "raft/disk_queue.h"

#include <algorithm>

#include "base/check.h"

namespace keelson::raft {

DiskQueue::DiskQueue(HardState hard, Index last)
    : handed_(last), durable_(last), handed_hard_(hard), durable_hard_(hard) {
  KEELSON_CHECK(hard.commit <= last, "the hard state commits beyond the log");
}

uint64_t DiskQueue::HandOut(Index last, HardState hard, bool must_sync, uint64_t now) {
  KEELSON_CHECK(hard.term >= handed_hard_.term, "the term would go back on disk");
  KEELSON_CHECK(hard.commit >= handed_hard_.commit, "commit would go back on disk");
  KEELSON_CHECK(last >= handed_, "a batch ends before one handed out earlier");
  outstanding_.push_back(Batch{++last_seq_, last, hard, must_sync, now});
  handed_ = last;
  handed_hard_ = hard;
  return last_seq_;
}

void DiskQueue::Confirm(uint64_t seq) {
  KEELSON_CHECK(seq <= last_seq_, "a batch is confirmed that was never handed out");
  KEELSON_CHECK(seq >= confirmed_seq_, "confirmations go back");
  confirmed_seq_ = seq;
  while (!outstanding_.empty() && outstanding_.front().seq <= seq) {
    durable_ = std::max(durable_, outstanding_.front().last);
    durable_hard_ = outstanding_.front().hard;
    outstanding_.pop_front();
  }
}

void DiskQueue::Truncate(Index keep) {
  handed_ = std::min(handed_, keep);
  durable_ = std::min(durable_, keep);
  for (Batch& batch : outstanding_) batch.last = std::min(batch.last, keep);
}

void DiskQueue::Reset(Index last) {
  handed_ = last;
  durable_ = last;
  for (Batch& batch : outstanding_) batch.last = last;
}

uint64_t DiskQueue::StalledTicks(uint64_t now) const {
  for (const Batch& batch : outstanding_) {
    if (batch.must_sync) return now - batch.handed_at;
  }
  return 0;
}

}  // namespace keelson::raft
