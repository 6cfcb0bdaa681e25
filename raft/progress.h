// What a leader knows of one peer's log, and how fast it may send.
//
//              Acked            NeedSnapshot
//   kProbe ------------> kReplicate    kProbe/kReplicate ------------> kSnapshot
//     ^  Rejected, Unreachable  |          ^   SnapshotEnded, Acked past it  |
//     +-------------------------+          +---------------------------------+
//
// Owned by the leader, same thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "raft/state_view.h"
#include "raft/types.h"

namespace keelson::raft {

class Progress {
 public:
  // Nothing is known; sending starts at `next`.
  explicit Progress(Index next);

  ProgressMode mode() const { return mode_; }
  Index match() const { return match_; }  // < next
  Index next() const { return next_; }
  Index pending_snapshot() const { return pending_snapshot_; }  // none unless kSnapshot
  size_t inflight_bytes() const { return inflight_bytes_; }
  size_t inflight_messages() const { return inflight_.size(); }

  // Whether an append may be sent now. In kProbe one append waits for its answer or for Unpause.
  bool MaySend(size_t window_bytes, size_t window_messages) const;
  // An append with entries up to `last` left; in kReplicate an empty one counts nothing.
  void Sent(Index last, size_t bytes);
  void Unpause() { probe_sent_ = false; }

  // The peer has all up to `match`, durably; `first` is the first entry still in the log. True if
  // that was news.
  bool Acked(Index match, Index first);
  // The peer refused an append behind `rejected`; it may agree at `agree`. True if the answer is no
  // leftover and probing goes on from there.
  bool Rejected(Index rejected, Index agree);
  // Messages may have been lost.
  void Unreachable();

  void NeedSnapshot();
  // What is being sent ends at `last`. REQUIRES: kSnapshot.
  void SnapshotOffered(Index last);
  void SnapshotEnded(bool ok);

 private:
  struct Flight {
    Index last;
    size_t bytes;
  };
  void BecomeProbe(Index next);

  ProgressMode mode_ = ProgressMode::kProbe;
  Index match_;
  Index next_;
  Index pending_snapshot_;
  bool probe_sent_ = false;
  std::deque<Flight> inflight_;
  size_t inflight_bytes_ = 0;
};

}  // namespace keelson::raft
