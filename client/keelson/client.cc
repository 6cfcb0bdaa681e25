#include "client/keelson/client.h"

#include <future>
#include <utility>

#include "client/keelson/internal/core.h"

namespace keelson::client {

Client::Client(std::shared_ptr<internal::Core> core) : core_(std::move(core)) {}

Client::~Client() {
  internal::Scheduler& scheduler = core_->scheduler();
  if (scheduler.InLoop()) return;
  // What the client's thread is doing for calls that have returned already still holds the core;
  // behind it the core dies here, and its thread is joined.
  const auto done = std::make_shared<std::promise<void>>();
  scheduler.Post([done] { done->set_value(); });
  done->get_future().wait();
}

std::unique_ptr<Watcher> Client::Watch(std::vector<WatchTarget> targets,
                                       WatchOptions options) const {
  return Watcher::Start(core_, std::move(targets), std::move(options));
}

std::unique_ptr<Watcher> Client::Watch(const KeyRange& range, int64_t start_revision) const {
  return Watch({WatchTarget{.range = range, .start_revision = start_revision}});
}

}  // namespace keelson::client
