#include "raft/progress.h"

#include <algorithm>

#include "base/check.h"

namespace keelson::raft {

Progress::Progress(Index next) : next_(next) {
  KEELSON_CHECK(!next.IsNone(), "the first entry is 1");
}

bool Progress::MaySend(size_t window_bytes, size_t window_messages) const {
  switch (mode_) {
    case ProgressMode::kProbe:
      return !probe_sent_;
    case ProgressMode::kReplicate:
      return inflight_bytes_ < window_bytes && inflight_.size() < window_messages;
    case ProgressMode::kSnapshot:
      return false;
  }
  return false;
}

void Progress::Sent(Index last, size_t bytes) {
  KEELSON_CHECK(mode_ != ProgressMode::kSnapshot, "no appends while a snapshot is sent");
  if (mode_ == ProgressMode::kProbe) {
    probe_sent_ = true;
    return;
  }
  if (last < next_) return;
  next_ = last.Next();
  inflight_.push_back(Flight{last, bytes});
  inflight_bytes_ += bytes;
}

bool Progress::Acked(Index match, Index first) {
  while (!inflight_.empty() && inflight_.front().last <= match) {
    inflight_bytes_ -= inflight_.front().bytes;
    inflight_.pop_front();
  }
  const bool news = match > match_;
  match_ = std::max(match_, match);
  next_ = std::max(next_, match_.Next());
  if (mode_ == ProgressMode::kProbe) {
    mode_ = ProgressMode::kReplicate;
    next_ = match_.Next();
  } else if (mode_ == ProgressMode::kSnapshot && match_.Next() >= first) {
    BecomeProbe(match_.Next());
  }
  return news;
}

bool Progress::Rejected(Index rejected, Index agree) {
  if (mode_ == ProgressMode::kSnapshot || rejected <= match_) return false;
  if (mode_ == ProgressMode::kProbe && rejected != next_.Prev()) return false;
  const Index before = std::min(rejected.Prev(), agree);
  BecomeProbe(std::max(before, match_).Next());
  return true;
}

void Progress::Unreachable() {
  if (mode_ == ProgressMode::kReplicate) BecomeProbe(match_.Next());
}

void Progress::NeedSnapshot() {
  mode_ = ProgressMode::kSnapshot;
  pending_snapshot_ = Index();
  probe_sent_ = false;
  inflight_.clear();
  inflight_bytes_ = 0;
}

void Progress::SnapshotOffered(Index last) {
  KEELSON_CHECK(mode_ == ProgressMode::kSnapshot, "a snapshot nobody needs");
  pending_snapshot_ = last;
}

void Progress::SnapshotEnded(bool ok) {
  if (mode_ != ProgressMode::kSnapshot) return;
  BecomeProbe(std::max(match_, ok ? pending_snapshot_ : Index()).Next());
  // The peer's own answer, or the next heartbeat, ends the pause.
  probe_sent_ = true;
}

void Progress::BecomeProbe(Index next) {
  KEELSON_CHECK(next > match_, "what the peer has would be sent again");
  mode_ = ProgressMode::kProbe;
  next_ = next;
  pending_snapshot_ = Index();
  probe_sent_ = false;
  inflight_.clear();
  inflight_bytes_ = 0;
}

}  // namespace keelson::raft
