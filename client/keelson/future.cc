#include "client/keelson/future.h"

#include "client/keelson/internal/wait.h"
#include "client/keelson/outcome.h"

namespace keelson::client::internal {

void Cancellation::Request() {
  std::function<void()> run;
  {
    const std::lock_guard lock(mutex_);
    requested_ = true;
    run = std::exchange(run_, nullptr);
  }
  if (run) run();
}

bool Cancellation::requested() const {
  const std::lock_guard lock(mutex_);
  return requested_;
}

void Cancellation::OnRequest(std::function<void()> run) {
  {
    const std::lock_guard lock(mutex_);
    if (!requested_) {
      run_.swap(run);
      return;
    }
  }
  if (run) run();
}

absl::Status WaitsOnOwnThread() {
  return absl::FailedPreconditionError(
      "a blocking call from a callback of the client would never return; take the result with Then "
      "or co_await, or hand the work to a thread of your own");
}

absl::Status TakenBefore() {
  return absl::FailedPreconditionError("the result of this call was taken before");
}

bool WaitUntilTrue(std::condition_variable& changed, std::unique_lock<std::mutex>& lock,
                   absl::Duration timeout, const std::function<bool()>& condition) {
  return WaitFor(changed, lock, timeout, condition);
}

}  // namespace keelson::client::internal
