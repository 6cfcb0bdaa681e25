// What the recipes' tests share: sessions, and waiters on threads of their own.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/keelson/recipes/lease_session.h"
#include "tests/client/recipes/environment.h"
#include "tests/harness/wait_until.h"

namespace keelson::testing {

class RecipeTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { environment_ = MakeRecipeEnvironment(reason_).release(); }
  static void TearDownTestSuite() {
    delete environment_;
    environment_ = nullptr;
  }

  void SetUp() override {
    if (environment_ == nullptr) GTEST_SKIP() << reason_;
    client_ = environment_->NewClient();
    name_ = ::testing::UnitTest::GetInstance()->current_test_info()->name();
  }

  std::unique_ptr<client::recipes::LeaseSession> NewSession() {
    auto session = client::recipes::LeaseSession::Start(*client_, {.ttl = 30});
    EXPECT_TRUE(session.ok()) << session.status();
    return *std::move(session);
  }

  // How many keys are under `prefix`.
  int64_t Count(const std::string& prefix) {
    const auto got = client_->kv().Get(client::KeyRange::Prefix(prefix), {.count_only = true});
    EXPECT_TRUE(got.ok()) << got.status();
    return got.ok() ? got->count : -1;
  }
  bool AwaitCount(const std::string& prefix, int64_t count) {
    return WaitUntil(absl::Seconds(20), [&] { return Count(prefix) == count; });
  }

  static inline RecipeEnvironment* environment_ = nullptr;
  static inline std::string reason_;
  std::unique_ptr<client::Client> client_;
  std::string name_;
};

// Runs on a thread of its own; the end of the object waits for it.
template <typename Function>
auto InBackground(Function function) {
  return std::async(std::launch::async, std::move(function));
}

template <typename Result>
bool IsOver(const std::future<Result>& future) {
  return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

}  // namespace keelson::testing
