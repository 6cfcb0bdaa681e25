// A result that is still to come: what every call of the library is made of.
//
// Each call has a form that returns at once (GetAsync, PutAsync, ...); the blocking form is that
// one and Future::Get. Three ways to take the result, of which one is to be chosen, once:
//
//   absl::StatusOr<GetResult> result = kv.GetAsync(range).Get();           // wait for it
//   kv.GetAsync(range).Then([](absl::StatusOr<GetResult> result) { ... });  // be told
//   absl::StatusOr<GetResult> result = co_await kv.GetAsync(range);         // in a coroutine
//
// Thread rule: what was given to Then, and a coroutine after co_await, runs on the client's own
// thread, never on one of gRPC's and never inside the call that asked for it. (A coroutine that
// ends before its first co_await knows no client: what is asked of it is told at once.) It must not
// block there, nor throw; a blocking call of the client fails there at once instead of waiting for
// itself.
//
// A function that returns a Future may itself be a coroutine:
//
//   Future<int64_t> Copy(Kv kv, std::string from, std::string to) {
//     auto source = co_await kv.GetAsync(KeyRange::Key(from));
//     if (!source.ok()) co_return source.status();
//     ...
//   }
//
// It begins at once, on the caller's thread, and goes on on the client's. Take its parameters by
// value: the caller's are gone by then. What it co_returns is T, a StatusOr<T> or a failure.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace keelson::client {

namespace internal {

// The thread that completions run on.
class Executor {
 public:
  virtual ~Executor() = default;
  // Runs `task` on the thread, after all that was posted before. Thread-safe.
  virtual void Post(std::function<void()> task) = 0;
  // Whether the caller runs on it, where nothing may block.
  virtual bool InLoop() const = 0;
};

// The wish to end something early. Thread-safe.
class Cancellation {
 public:
  // Wishes; what OnRequest set runs, on this thread.
  void Request();
  bool requested() const;
  // What to do about the wish, in place of what was set before; at once if it was made already.
  void OnRequest(std::function<void()> run);

 private:
  mutable std::mutex mutex_;  // guards what follows
  bool requested_ = false;
  std::function<void()> run_;
};

// The failure of a wait on the client's own thread, and of a second look for one result.
absl::Status WaitsOnOwnThread();
absl::Status TakenBefore();

// Until `condition` holds or `timeout` has passed; whether it holds.
bool WaitUntilTrue(std::condition_variable& changed, std::unique_lock<std::mutex>& lock,
                   absl::Duration timeout, const std::function<bool()>& condition);

// What a future and whoever completes it share. Thread-safe.
template <typename T>
class FutureState {
 public:
  using Result = absl::StatusOr<T>;
  using Callback = std::function<void(Result)>;

  // Without an executor: a coroutine's own, before its first co_await.
  explicit FutureState(std::shared_ptr<Executor> executor = nullptr)
      : executor_(std::move(executor)) {}

  // The first result counts. REQUIRES: on the executor's thread, if there is one.
  void Complete(Result result);
  // Runs `run` with the result on the executor's thread.
  void Then(Callback run);
  // DeadlineExceeded where it takes longer than `timeout`.
  Result Wait(absl::Duration timeout);
  bool is_ready() const;

  void Adopt(const std::shared_ptr<Executor>& executor);
  std::shared_ptr<Executor> executor() const;
  const std::shared_ptr<Cancellation>& cancellation() const { return cancellation_; }

 private:
  // REQUIRES: the mutex, and that it is done.
  Result Take();

  const std::shared_ptr<Cancellation> cancellation_ = std::make_shared<Cancellation>();
  std::condition_variable changed_;
  mutable std::mutex mutex_;  // guards what follows
  std::shared_ptr<Executor> executor_;
  bool done_ = false;
  std::optional<Result> result_;  // until somebody takes it
  Callback callback_;
};

}  // namespace internal

// Movable; one owner. Destroyed without being asked, it lets the call go on unwatched.
template <typename T>
class [[nodiscard]] Future {
 public:
  using State = internal::FutureState<T>;
  using Result = absl::StatusOr<T>;
  struct promise_type;
  class Awaiter;

  explicit Future(std::shared_ptr<State> state) : state_(std::move(state)) {}
  Future(Future&&) noexcept = default;
  Future& operator=(Future&&) noexcept = default;

  // Waits. After a DeadlineExceeded of this wait (the call has a deadline of its own) the call goes
  // on, and Get may be called again. On the client's own thread: FailedPrecondition, unless the
  // result is there.
  Result Get(absl::Duration timeout = absl::InfiniteDuration()) { return state_->Wait(timeout); }

  // Whether Get would not wait. Any thread.
  bool IsReady() const { return state_->is_ready(); }

  // Calls `run` with the result, on the client's thread, once; also if the future is gone by then.
  void Then(std::function<void(Result)> run) && { state_->Then(std::move(run)); }

  // Ends the call early, if it has not ended yet: its result is then Cancelled, with the outcome
  // that a failure at this point has (a write that may have left is unknown). A coroutine's future
  // passes it to what the coroutine waits for. Any thread.
  void Cancel() { state_->cancellation()->Request(); }
  // The same for somebody who does not own the future; may outlive it.
  std::function<void()> Canceller() const {
    return [cancellation = state_->cancellation()] { cancellation->Request(); };
  }

  Awaiter operator co_await() && { return Awaiter(std::move(state_)); }

 private:
  std::shared_ptr<State> state_;
};

template <typename T>
class Future<T>::Awaiter {
 public:
  explicit Awaiter(std::shared_ptr<State> state) : state_(std::move(state)) {}

  // Always by way of the client's thread, so that what follows knows where it runs.
  bool await_ready() const { return false; }
  template <typename Promise>
  void await_suspend(std::coroutine_handle<Promise> waiting) {
    const std::shared_ptr<State> state = state_;
    if constexpr (requires { waiting.promise().Awaits(*state); }) waiting.promise().Awaits(*state);
    // The coroutine may go on, and end, before Then returns.
    state->Then([this, waiting](Result result) {
      result_.emplace(std::move(result));
      waiting.resume();
    });
  }
  Result await_resume() { return *std::move(result_); }

 private:
  std::shared_ptr<State> state_;
  std::optional<Result> result_;
};

template <typename T>
struct Future<T>::promise_type {
  Future get_return_object() { return Future(state); }
  std::suspend_never initial_suspend() noexcept { return {}; }
  std::suspend_never final_suspend() noexcept { return {}; }
  void return_value(Result result) { state->Complete(std::move(result)); }
  void unhandled_exception() { std::terminate(); }  // the library's functions throw nothing

  template <typename U>
  void Awaits(internal::FutureState<U>& other) {
    state->Adopt(other.executor());
    state->cancellation()->OnRequest(
        [cancellation = other.cancellation()] { cancellation->Request(); });
  }

  std::shared_ptr<State> state = std::make_shared<State>();
};

namespace internal {

template <typename T>
void FutureState<T>::Complete(Result result) {
  Callback run;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(done_, true)) return;
    run = std::exchange(callback_, nullptr);
    if (!run) result_.emplace(std::move(result));
    changed_.notify_all();
  }
  if (run) run(std::move(result));
}

template <typename T>
void FutureState<T>::Then(Callback run) {
  std::shared_ptr<Executor> executor;
  std::shared_ptr<Result> result;
  {
    const std::lock_guard lock(mutex_);
    if (!done_) {
      callback_ = std::move(run);
      return;
    }
    executor = executor_;
    result = std::make_shared<Result>(Take());
  }
  if (executor == nullptr) return run(std::move(*result));
  // The task keeps its thread: nobody else may.
  executor->Post([run = std::move(run), result, executor] { run(std::move(*result)); });
}

template <typename T>
absl::StatusOr<T> FutureState<T>::Wait(absl::Duration timeout) {
  std::unique_lock lock(mutex_);
  if (!done_ && executor_ != nullptr && executor_->InLoop()) return WaitsOnOwnThread();
  if (!WaitUntilTrue(changed_, lock, timeout, [this] { return done_; })) {
    return absl::DeadlineExceededError("no result within the time given; the call goes on");
  }
  return Take();
}

template <typename T>
absl::StatusOr<T> FutureState<T>::Take() {
  if (!result_) return TakenBefore();
  return *std::exchange(result_, std::nullopt);
}

template <typename T>
bool FutureState<T>::is_ready() const {
  const std::lock_guard lock(mutex_);
  return done_;
}

template <typename T>
void FutureState<T>::Adopt(const std::shared_ptr<Executor>& executor) {
  const std::lock_guard lock(mutex_);
  if (executor_ == nullptr) executor_ = executor;
}

template <typename T>
std::shared_ptr<Executor> FutureState<T>::executor() const {
  const std::lock_guard lock(mutex_);
  return executor_;
}

}  // namespace internal
}  // namespace keelson::client
