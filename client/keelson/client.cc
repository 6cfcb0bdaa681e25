#include "client/keelson/client.h"

#include <utility>

#include "client/keelson/internal/core.h"

namespace keelson::client {

Client::Client(std::shared_ptr<internal::Core> core) : core_(std::move(core)) {}

Client::~Client() = default;

std::unique_ptr<Watcher> Client::Watch(std::vector<WatchTarget> targets,
                                       WatchOptions options) const {
  return Watcher::Start(core_, std::move(targets), std::move(options));
}

std::unique_ptr<Watcher> Client::Watch(const KeyRange& range, int64_t start_revision) const {
  return Watch({WatchTarget{.range = range, .start_revision = start_revision}});
}

}  // namespace keelson::client
