#include "client/keelson/recipes/lease_session.h"

#include <condition_variable>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "client/keelson/internal/wait.h"
#include "client/keelson/recipes/internal/patience.h"

namespace keelson::client::recipes {

// What the keeper's callbacks share with the session, which may be gone when the last one runs.
class LeaseSession::State {
 public:
  State(const Client& client, LeaseSessionOptions options)
      : client_(client), options_(std::move(options)) {}

  const Client& client() const { return client_; }
  int64_t lease() const { return lease_; }
  int64_t ttl() const { return ttl_; }

  // REQUIRES: called once, before all else.
  void Keep(const LeaseGrantResult& grant, const std::shared_ptr<State>& self) {
    lease_ = grant.id;
    ttl_ = grant.ttl;
    const std::lock_guard lock(mutex_);
    keeper_ = client_.leases().KeepAlive(grant, {.on_lost = [self] { self->OnLost(); }});
  }

  absl::Status Lost() const {
    const std::lock_guard lock(mutex_);
    return LostLocked();
  }

  bool WaitLost(absl::Duration timeout) const {
    if (client_.InCallback()) return !Lost().ok();
    std::unique_lock lock(mutex_);
    return client::internal::WaitFor(changed_, lock, timeout,
                                     [this] { return !LostLocked().ok(); });
  }

  absl::Duration Remaining() const {
    const std::lock_guard lock(mutex_);
    return LostLocked().ok() ? keeper_->Remaining() : absl::ZeroDuration();
  }

  // The keeper that has to be ended; null if this was done before.
  std::unique_ptr<LeaseKeeper> Close() {
    const std::lock_guard lock(mutex_);
    if (keeper_ == nullptr) return nullptr;
    if (lost_.ok()) lost_ = absl::CancelledError("the session was closed");
    RingAll();
    return std::move(keeper_);
  }

  void AddBell(std::weak_ptr<internal::Bell> bell) {
    const std::lock_guard lock(mutex_);
    std::erase_if(bells_, [](const auto& old) { return old.expired(); });
    bells_.push_back(std::move(bell));
  }

  bool Reserve(const std::string& key) {
    const std::lock_guard lock(mutex_);
    return reserved_.insert(key).second;
  }

  void GiveBack(const std::string& key) {
    const std::lock_guard lock(mutex_);
    reserved_.erase(key);
  }

 private:
  void OnLost() {
    {
      const std::lock_guard lock(mutex_);
      if (keeper_ == nullptr) return;
      lost_ = keeper_->Lost();
      RingAll();
    }
    if (options_.on_lost) options_.on_lost();
  }

  void RingAll() {
    changed_.notify_all();
    for (const auto& weak : bells_) {
      if (const auto bell = weak.lock()) bell->Ring();
    }
    bells_.clear();
  }

  // After a pause of the process the deadline may have passed before the keeper's timer has run.
  absl::Status LostLocked() const {
    if (!lost_.ok()) return lost_;
    if (keeper_->Remaining() > absl::ZeroDuration()) return absl::OkStatus();
    const absl::Status known = keeper_->Lost();
    if (!known.ok()) return known;
    return absl::DeadlineExceededError("the lease could not be renewed in time");
  }

  const Client& client_;
  const LeaseSessionOptions options_;
  int64_t lease_ = 0;
  int64_t ttl_ = 0;

  mutable std::condition_variable changed_;
  mutable std::mutex mutex_;             // guards what follows
  std::unique_ptr<LeaseKeeper> keeper_;  // null once closed
  absl::Status lost_;
  std::vector<std::weak_ptr<internal::Bell>> bells_;
  std::set<std::string> reserved_;
};

absl::StatusOr<std::unique_ptr<LeaseSession>> LeaseSession::Start(const Client& client,
                                                                  LeaseSessionOptions options,
                                                                  const CallOptions& call) {
  const auto granted = client.leases().Grant(options.ttl, 0, call);
  if (!granted.ok()) return granted.status();
  const auto state = std::make_shared<State>(client, std::move(options));
  state->Keep(*granted, state);
  std::unique_ptr<LeaseSession> session(new LeaseSession(state));
  const absl::Status lost = state->Lost();
  if (!lost.ok()) return WithOutcome(lost, Outcome::kFailed);
  return session;
}

LeaseSession::LeaseSession(std::shared_ptr<State> state) : state_(std::move(state)) {}

LeaseSession::~LeaseSession() {
  // Refused, or without an answer: the lease ends by itself.
  Close().IgnoreError();
}

int64_t LeaseSession::lease() const { return state_->lease(); }
int64_t LeaseSession::ttl() const { return state_->ttl(); }
absl::Status LeaseSession::Lost() const { return state_->Lost(); }
bool LeaseSession::WaitLost(absl::Duration timeout) const { return state_->WaitLost(timeout); }
absl::Duration LeaseSession::Remaining() const { return state_->Remaining(); }
const Client& LeaseSession::client() const { return state_->client(); }

absl::Status LeaseSession::Close(const CallOptions& call) {
  const bool alive = state_->Lost().ok();
  state_->Close().reset();
  if (!alive) return absl::OkStatus();
  const absl::Status revoked = client().leases().Revoke(lease(), call).status();
  return absl::IsNotFound(revoked) ? absl::OkStatus() : revoked;
}

void LeaseSession::AddBell(std::weak_ptr<internal::Bell> bell) const {
  state_->AddBell(std::move(bell));
}
bool LeaseSession::Reserve(const std::string& key) { return state_->Reserve(key); }
void LeaseSession::GiveBack(const std::string& key) { state_->GiveBack(key); }

}  // namespace keelson::client::recipes
