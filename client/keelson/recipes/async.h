// A recipe that blocks, as a future: told by Then, awaited in a coroutine, ended by Cancel.
//
//   auto acquire = [&lock](const WaitOptions& wait) { return lock.Acquire(wait); };
//   auto held = co_await Async(client, acquire, {.timeout = absl::Minutes(1)});
//   if (held.ok()) ...                                   // on the client's own thread
//
// Each runs on a thread of its own until it ends: meant for the few that an agent waits for at a
// time, not for thousands.
#pragma once

#include <memory>
#include <stop_token>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "client/keelson/client.h"
#include "client/keelson/future.h"
#include "client/keelson/recipes/wait_options.h"

namespace keelson::client::recipes {

// What a recipe comes to that has nothing to give but its status.
struct Reached {};

namespace internal {

// The client's own thread.
std::shared_ptr<client::internal::Executor> ExecutorOf(const Client& client);

inline absl::StatusOr<Reached> ToResult(absl::Status status) {
  if (!status.ok()) return status;
  return Reached();
}

template <typename T>
absl::StatusOr<T> ToResult(absl::StatusOr<T> result) {
  return result;
}

}  // namespace internal

// Runs `recipe`, which is given what it is to wait by, and returns a Status or a StatusOr. Its
// result is a Future<Reached>, or one of what it gives. Future::Cancel ends it as `wait.stop` does:
// what has to be undone is undone first, so the future is ready a little later.
//
// REQUIRES: what the recipe uses (the lock, its session, the client) lives until the future is
// ready, and is not used by others meanwhile. An item that a queue gives has to be taken from the
// future: on the client's thread, where it would be dropped, it can't be returned.
template <typename Recipe>
auto Async(const Client& client, Recipe recipe, WaitOptions wait = {}) {
  using Result = decltype(internal::ToResult(recipe(std::as_const(wait))));
  using State = client::internal::FutureState<typename Result::value_type>;
  const auto executor = internal::ExecutorOf(client);
  const auto state = std::make_shared<State>(executor);
  std::stop_source stop;
  state->cancellation()->OnRequest([stop]() mutable { stop.request_stop(); });
  std::thread([state, executor, stop, recipe = std::move(recipe),
               wait = std::move(wait)]() mutable {
    const std::stop_callback passes_on(wait.stop, [stop]() mutable { stop.request_stop(); });
    WaitOptions either = wait;
    either.stop = stop.get_token();
    const auto result = std::make_shared<Result>(internal::ToResult(recipe(std::as_const(either))));
    executor->Post([state, result] { state->Complete(std::move(*result)); });
  }).detach();
  return Future<typename Result::value_type>(state);
}

}  // namespace keelson::client::recipes
