// What the tests against real servers share.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "client/keelson/client.h"
#include "tests/harness/test_cluster.h"
#include "tests/harness/wait_until.h"

namespace keelson::testing {

// One member for all tests of a suite; each test works under a prefix of its own.
class SingleMemberTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!FindServerBinary()) return;
    auto cluster = TestCluster::Start({.members = 1});
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = cluster->release();
  }
  static void TearDownTestSuite() {
    delete cluster_;
    cluster_ = nullptr;
  }

  void SetUp() override {
    if (!FindServerBinary()) GTEST_SKIP() << MissingServerMessage();
    ASSERT_NE(cluster_, nullptr);
    auto client = client::Client::Create({.endpoints = cluster_->endpoints()});
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
    prefix_ = std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()) + "/";
  }

  // A key of this test.
  std::string Key(const std::string& name) const { return prefix_ + name; }

  static inline TestCluster* cluster_ = nullptr;
  std::unique_ptr<client::Client> client_;
  std::string prefix_;
};

}  // namespace keelson::testing
