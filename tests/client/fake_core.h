// A client's core on a fake transport and a fake clock, with endpoints "a:1", "b:1", ...
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "client/keelson/internal/core.h"
#include "tests/client/fake_scheduler.h"
#include "tests/client/fake_transport.h"

namespace keelson::testing {

struct FakeCore {
  explicit FakeCore(int members = 3, client::ClientOptions options = {}) {
    std::vector<std::string> addresses;
    for (int i = 0; i < members; ++i) {
      addresses.push_back(std::string(1, static_cast<char>('a' + i)) + ":1");
    }
    core = std::make_shared<client::internal::Core>(std::move(options), addresses, scheduler,
                                                    transport);
  }
  // What is in flight holds the core, which holds what is in flight.
  ~FakeCore() {
    scheduler->RunReady();
    scheduler->DropAll();
    transport->attempts.clear();
    transport->streams.clear();
  }

  std::shared_ptr<FakeScheduler> scheduler = std::make_shared<FakeScheduler>();
  std::shared_ptr<FakeTransport> transport = std::make_shared<FakeTransport>();
  std::shared_ptr<client::internal::Core> core;
};

}  // namespace keelson::testing
