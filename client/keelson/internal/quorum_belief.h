// Whether a quorum answers, as far as this client's reads with ReadOptions::stale_ok have found
// out.
#pragma once

#include <mutex>

namespace keelson::client::internal {

// Thread-safe.
//
//   there --Lost()--> lost --MayProbe()--> lost, one probe under way --Probed(true)--> there
//                      ^                                      |
//                      +--------------Probed(false)-----------+
class QuorumBelief {
 public:
  bool lost() const {
    const std::lock_guard lock(mutex_);
    return lost_;
  }
  void Lost() {
    const std::lock_guard lock(mutex_);
    lost_ = true;
  }
  // Whether the caller is to look whether a quorum is back, and to report it by Probed.
  bool MayProbe() {
    const std::lock_guard lock(mutex_);
    if (!lost_ || probing_) return false;
    probing_ = true;
    return true;
  }
  void Probed(bool answered) {
    const std::lock_guard lock(mutex_);
    probing_ = false;
    if (answered) lost_ = false;
  }

 private:
  mutable std::mutex mutex_;  // guards what follows
  bool lost_ = false;
  bool probing_ = false;
};

}  // namespace keelson::client::internal
