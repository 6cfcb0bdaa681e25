// Who may begin with which RPC. That every RPC has a row is checked when rights.cc is compiled.
#include "server/api/rights.h"

#include <gtest/gtest.h>

namespace keelson::server {
namespace {

const CallerIdentity kRootUser{.user = "root", .root = true};
const CallerIdentity kAnyUser{.user = "any", .root = false};

TEST(RightsTest, EachRpcNeedsWhatEtcdAsksFor) {
  EXPECT_EQ(RightOf("/etcdserverpb.KV/Range"), Right::kKeys);
  EXPECT_EQ(RightOf("/etcdserverpb.KV/Compact"), Right::kRoot);
  EXPECT_EQ(RightOf("/etcdserverpb.Maintenance/Status"), Right::kUser);
  EXPECT_EQ(RightOf("/etcdserverpb.Maintenance/Snapshot"), Right::kRoot);
  EXPECT_EQ(RightOf("/etcdserverpb.Auth/Authenticate"), Right::kOpen);
  EXPECT_EQ(RightOf("/etcdserverpb.Auth/UserGet"), Right::kOwn);
  EXPECT_EQ(RightOf("/etcdserverpb.KV/Nothing"), std::nullopt);
  EXPECT_EQ(RightOf(""), std::nullopt);
}

TEST(RightsTest, WithoutAuthenticationEverybodyMayDoEverything) {
  for (const Right right : {Right::kOpen, Right::kUser, Right::kKeys, Right::kRoot}) {
    EXPECT_EQ(CheckRight(false, right, std::nullopt), absl::OkStatus());
  }
}

TEST(RightsTest, WithItANameIsNeededAndForSomeTheRoleRoot) {
  const absl::Status nobody = absl::InvalidArgumentError("etcdserver: user name is empty");
  const absl::Status denied = absl::PermissionDeniedError("etcdserver: permission denied");
  EXPECT_EQ(CheckRight(true, Right::kOpen, std::nullopt), absl::OkStatus());
  for (const Right right : {Right::kUser, Right::kKeys, Right::kLeaseKeys, Right::kAlarms,
                            Right::kOwn, Right::kCallees, Right::kRoot}) {
    EXPECT_EQ(CheckRight(true, right, std::nullopt), nobody);
    EXPECT_EQ(CheckRight(true, right, kRootUser), absl::OkStatus());
    EXPECT_EQ(CheckRight(true, right, kAnyUser), right == Right::kRoot ? denied : absl::OkStatus());
  }
}

}  // namespace
}  // namespace keelson::server
