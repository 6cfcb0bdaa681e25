#include "client/keelson/recipes/async.h"

#include "client/keelson/internal/core.h"

namespace keelson::client::recipes::internal {

std::shared_ptr<client::internal::Executor> ExecutorOf(const Client& client) {
  return client.kv().core()->executor();
}

}  // namespace keelson::client::recipes::internal
