#include <gtest/gtest.h>

#include "tests/raft/harness/cluster.h"

namespace keelson::raft::testing {
namespace {

TEST(Election, ThreeMembersElectOneLeaderThatCommitsItsFirstEntry) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Write(1, "a");
  EXPECT_EQ(cluster.core(1).commit(), Index(2));
  for (uint64_t id : {1, 2, 3}) {
    EXPECT_EQ(cluster.core(id).leader(), NodeId(1));
    EXPECT_EQ(cluster.core(id).commit(), Index(2)) << id;
    EXPECT_EQ(cluster.at(id).applied_payloads, std::vector<std::string>{"a"});
  }
}

}  // namespace
}  // namespace keelson::raft::testing
