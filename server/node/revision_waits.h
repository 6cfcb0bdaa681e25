// Reads that wait until this member has a revision. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "absl/status/status.h"

namespace keelson::server {

class RevisionWaits {
 public:
  using Done = std::function<void(const absl::Status&)>;
  using Id = uint64_t;

  // Calls `done` from Serve, once `revision` is there. The id is good for Cancel until then.
  Id Add(int64_t revision, Done done) {
    const Key key(revision, ++last_);
    waiting_.emplace(key, std::move(done));
    revisions_.emplace(last_, revision);
    return last_;
  }

  // Forgets it; nothing where it was served.
  void Cancel(Id id) {
    const auto found = revisions_.find(id);
    if (found == revisions_.end()) return;
    waiting_.erase(Key(found->second, id));
    revisions_.erase(found);
  }

  // Those up to `revision`, the lowest first. Whether there was any.
  bool Serve(int64_t revision) {
    bool any = false;
    for (; !waiting_.empty() && waiting_.begin()->first.first <= revision; any = true) {
      End(absl::OkStatus());
    }
    return any;
  }

  void FailAll(const absl::Status& status) {
    while (!waiting_.empty()) End(status);
  }

 private:
  using Key = std::pair<int64_t, Id>;

  void End(const absl::Status& status) {
    const auto first = waiting_.begin();
    const Done done = std::move(first->second);
    revisions_.erase(first->first.second);
    waiting_.erase(first);
    done(status);
  }

  std::map<Key, Done> waiting_;
  std::map<Id, int64_t> revisions_;
  Id last_ = 0;
};

}  // namespace keelson::server
