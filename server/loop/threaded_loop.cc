#include "server/loop/threaded_loop.h"

#include "base/check.h"

namespace keelson::server {

void ThreadedLoop::Start() {
  KEELSON_CHECK(!thread_.joinable(), "a loop has one thread");
  thread_ = std::thread([this] { loop_.Run(); });
}

void ThreadedLoop::Stop() {
  if (!thread_.joinable()) return;
  loop_.Stop();
  thread_.join();
}

}  // namespace keelson::server
