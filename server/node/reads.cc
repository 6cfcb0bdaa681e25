#include "server/node/reads.h"

#include <iterator>
#include <utility>

#include "server/apply/errors.h"

namespace keelson::server {

void Reads::Ask(const std::function<void(uint64_t)>& request) {
  if (fresh_.empty()) return;
  const uint64_t context = ++last_context_;
  asked_.emplace(context, std::exchange(fresh_, {}));
  request(context);
}

void Reads::Confirmed(uint64_t context, raft::Index index, Instant now) {
  const auto found = asked_.find(context);
  if (found == asked_.end()) return;
  // The first of a batch has waited longest.
  if (now - found->second.front().since > limits_.slow) ++slow_total_;
  for (Read& read : found->second) read.confirmed = now;
  Batch& waiting = confirmed_[index];
  std::move(found->second.begin(), found->second.end(), std::back_inserter(waiting));
  asked_.erase(found);
}

void Reads::Failed(uint64_t context) {
  const auto found = asked_.find(context);
  if (found == asked_.end()) return;
  ++failed_total_;
  // Nothing was answered, so asking again is safe; Expire bounds how long.
  std::move(found->second.begin(), found->second.end(), std::back_inserter(fresh_));
  asked_.erase(found);
}

void Reads::TellIfSlow(const Read& read, Instant now, const absl::Status& outcome) {
  if (now - read.since <= limits_.slow || !on_slow_) return;
  on_slow_({read.since, read.confirmed, now}, outcome);
}

void Reads::Serve(raft::Index applied, Instant now) {
  while (!confirmed_.empty() && confirmed_.begin()->first <= applied) {
    Batch batch = std::move(confirmed_.begin()->second);
    confirmed_.erase(confirmed_.begin());
    for (Read& read : batch) {
      TellIfSlow(read, now, absl::OkStatus());
      read.done(absl::OkStatus());
    }
  }
}

void Reads::ExpireIn(Batch* batch, Instant now, bool has_leader,
                     std::vector<std::pair<Done, absl::Status>>* expired) {
  std::erase_if(*batch, [&](Read& read) {
    const Duration age = now - read.since;
    absl::Status error;
    if (age > limits_.total) error = errors::TimedOut();
    if (!has_leader && age > limits_.leaderless) error = errors::NoLeader();
    if (error.ok()) return false;
    TellIfSlow(read, now, error);
    expired->emplace_back(std::move(read.done), error);
    return true;
  });
}

void Reads::Expire(Instant now, bool has_leader) {
  std::vector<std::pair<Done, absl::Status>> expired;
  ExpireIn(&fresh_, now, has_leader, &expired);
  for (auto& [context, batch] : asked_) ExpireIn(&batch, now, has_leader, &expired);
  failed_total_ += static_cast<uint64_t>(
      std::erase_if(asked_, [](const auto& asked) { return asked.second.empty(); }));
  for (auto& [index, batch] : confirmed_) ExpireIn(&batch, now, has_leader, &expired);
  for (auto& [done, error] : expired) done(error);
}

void Reads::FailAll(const absl::Status& status) {
  Batch all = std::exchange(fresh_, {});
  const auto take = [&all](auto* batches) {
    for (auto& [key, batch] : *batches) {
      std::move(batch.begin(), batch.end(), std::back_inserter(all));
    }
    batches->clear();
  };
  take(&asked_);
  take(&confirmed_);
  for (Read& read : all) read.done(status);
}

size_t Reads::size() const {
  size_t count = fresh_.size();
  for (const auto& [context, batch] : asked_) count += batch.size();
  for (const auto& [index, batch] : confirmed_) count += batch.size();
  return count;
}

}  // namespace keelson::server
