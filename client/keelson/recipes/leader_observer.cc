#include <deque>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/keelson/recipes/election.h"
#include "client/keelson/recipes/internal/patience.h"

namespace keelson::client::recipes {

// The candidates as the watch tells of them.
class LeaderObserver::Line {
 public:
  Line(const Client& client, const std::string& name)
      : client_(client), range_(KeyRange::Prefix(absl::StrCat(name, "/"))) {}

  absl::StatusOr<std::optional<Leader>> Next(const WaitOptions& wait) {
    internal::Patience patience(client_, wait);
    while (changes_.empty()) {
      if (next_revision_ == 0) {
        const absl::Status read = Read(patience);
        if (!read.ok()) return read;
        continue;
      }
      const absl::Status followed = Follow(patience);
      if (!followed.ok()) return followed;
    }
    std::optional<Leader> change = std::move(changes_.front());
    changes_.pop_front();
    return change;
  }

 private:
  absl::Status Read(internal::Patience& patience) {
    absl::Status give_up = patience.Check();
    while (give_up.ok()) {
      const auto got = patience.Await(client_.kv().GetAsync(range_, {}, patience.Call()));
      if (got.ok()) {
        candidates_.clear();
        for (const KeyValue& kv : got->kvs) candidates_[kv.key] = kv;
        next_revision_ = got->header.revision + 1;
        Tell();
        return absl::OkStatus();
      }
      if (!internal::MayPass(got.status())) return got.status();
      give_up = patience.Pause();
    }
    return give_up;
  }

  // Until something has changed, or all has to be read again.
  absl::Status Follow(internal::Patience& patience) {
    // It rings the bell of this wait; the next one goes on where this ends.
    const auto watcher =
        patience.Watch(client_, {{.range = range_, .start_revision = next_revision_}});
    while (changes_.empty()) {
      const auto batch = patience.Next(*watcher);
      if (absl::IsOutOfRange(batch.status())) {
        next_revision_ = 0;
        return absl::OkStatus();
      }
      if (absl::IsFailedPrecondition(batch.status())) next_revision_ = 0;
      if (!batch.ok()) return batch.status();
      Apply(batch->events);
    }
    return absl::OkStatus();
  }

  // One revision after the other: what a transaction does is one change.
  void Apply(const std::vector<WatchEvent>& events) {
    for (size_t i = 0; i < events.size(); ++i) {
      const KeyValue& kv = events[i].kv;
      if (events[i].type == WatchEvent::Type::kDelete) {
        candidates_.erase(kv.key);
      } else {
        candidates_[kv.key] = kv;
      }
      next_revision_ = kv.mod_revision + 1;
      const bool last = i + 1 == events.size() || events[i + 1].kv.mod_revision != kv.mod_revision;
      if (last) Tell();
    }
  }

  // Adds who leads now to the changes, if that is one.
  void Tell() {
    const KeyValue* oldest = nullptr;
    for (const auto& [key, kv] : candidates_) {
      if (oldest == nullptr || kv.create_revision < oldest->create_revision) oldest = &kv;
    }
    std::optional<Leader> leader;
    if (oldest != nullptr) {
      leader = Leader{.value = oldest->value,
                      .fence = Fence(oldest->key, oldest->create_revision),
                      .mod_revision = oldest->mod_revision};
    }
    const int64_t word = leader ? leader->mod_revision : 0;
    if (word == last_word_) return;
    last_word_ = word;
    changes_.push_back(std::move(leader));
  }

  const Client& client_;
  const KeyRange range_;
  std::map<std::string, KeyValue> candidates_;
  int64_t next_revision_ = 0;  // to watch from; 0: all has to be read first
  int64_t last_word_ = -1;     // modification of who was told of last; 0: nobody, -1: none yet
  std::deque<std::optional<Leader>> changes_;
};

LeaderObserver::LeaderObserver(const Client& client, const std::string& name)
    : line_(std::make_unique<Line>(client, name)) {}

LeaderObserver::~LeaderObserver() = default;

absl::StatusOr<std::optional<Leader>> LeaderObserver::Next(const WaitOptions& wait) {
  return line_->Next(wait);
}

}  // namespace keelson::client::recipes
