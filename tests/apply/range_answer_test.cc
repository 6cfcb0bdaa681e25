// Filters, order and limit of a range.
#include "server/apply/range_answer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "proto/etcd/rpc.pb.h"

namespace keelson::server {
namespace {

using etcdserverpb::RangeRequest;
using etcdserverpb::RangeResponse;

class RangeAnswerTest : public ::testing::Test {
 protected:
  // Three keys whose fields each have an order of their own.
  RangeAnswerTest() {
    pairs_ = {{.key = "a", .value = "2", .create_revision = 3, .mod_revision = 9, .version = 2},
              {.key = "b", .value = "3", .create_revision = 4, .mod_revision = 4, .version = 1},
              {.key = "c", .value = "1", .create_revision = 2, .mod_revision = 8, .version = 3}};
  }

  // The keys of the answer, in order.
  std::string Answer(const RangeRequest& request) {
    const uint64_t wanted = KeysToRead(request);
    std::vector<const storage::KeyValue*> found;
    for (const auto& pair : pairs_) {
      if (wanted == 0 || found.size() < wanted) found.push_back(&pair);
    }
    response_.Clear();
    FillRangeResponse(request, std::move(found), static_cast<int64_t>(pairs_.size()), &response_);
    std::string keys;
    for (const auto& kv : response_.kvs()) keys += kv.key();
    return keys;
  }

  static RangeRequest Sorted(RangeRequest::SortTarget target, RangeRequest::SortOrder order) {
    RangeRequest request;
    request.set_sort_target(target);
    request.set_sort_order(order);
    return request;
  }

  std::vector<storage::KeyValue> pairs_;
  RangeResponse response_;
};

TEST_F(RangeAnswerTest, EveryTargetSortsBothWays) {
  EXPECT_EQ(Answer(Sorted(RangeRequest::KEY, RangeRequest::ASCEND)), "abc");
  EXPECT_EQ(Answer(Sorted(RangeRequest::KEY, RangeRequest::DESCEND)), "cba");
  EXPECT_EQ(Answer(Sorted(RangeRequest::VERSION, RangeRequest::ASCEND)), "bac");
  EXPECT_EQ(Answer(Sorted(RangeRequest::CREATE, RangeRequest::ASCEND)), "cab");
  EXPECT_EQ(Answer(Sorted(RangeRequest::MOD, RangeRequest::DESCEND)), "acb");
  EXPECT_EQ(Answer(Sorted(RangeRequest::VALUE, RangeRequest::ASCEND)), "cab");
}

TEST_F(RangeAnswerTest, ATargetWithoutAnOrderSortsAscending) {
  EXPECT_EQ(Answer(Sorted(RangeRequest::MOD, RangeRequest::NONE)), "bca");
  EXPECT_EQ(Answer(Sorted(RangeRequest::KEY, RangeRequest::NONE)), "abc");
}

TEST_F(RangeAnswerTest, EqualSortKeysStayInTheOrderOfTheirKeysBothWays) {
  for (auto& pair : pairs_) pair.version = 1;
  EXPECT_EQ(Answer(Sorted(RangeRequest::VERSION, RangeRequest::ASCEND)), "abc");
  EXPECT_EQ(Answer(Sorted(RangeRequest::VERSION, RangeRequest::DESCEND)), "abc");
}

TEST_F(RangeAnswerTest, TheLimitCutsAfterSortingAndTellsThatThereIsMore) {
  RangeRequest request = Sorted(RangeRequest::VERSION, RangeRequest::DESCEND);
  request.set_limit(2);
  EXPECT_EQ(Answer(request), "ca");
  EXPECT_TRUE(response_.more());
  EXPECT_EQ(response_.count(), 3);
  request.set_limit(3);
  EXPECT_EQ(Answer(request), "cab");
  EXPECT_FALSE(response_.more());
}

TEST_F(RangeAnswerTest, WithoutAnOrderTheLimitCutsBeforeAnotherTargetSorts) {
  RangeRequest request = Sorted(RangeRequest::CREATE, RangeRequest::NONE);
  request.set_limit(1);
  EXPECT_EQ(KeysToRead(request), 2u);
  EXPECT_EQ(Answer(request), "a") << "of a and b only";
}

TEST_F(RangeAnswerTest, NoLimitAndNegativeOnesMeanAll) {
  RangeRequest request;
  EXPECT_EQ(Answer(request), "abc");
  request.set_limit(-1);
  EXPECT_EQ(Answer(request), "abc");
  EXPECT_FALSE(response_.more());
}

TEST_F(RangeAnswerTest, FiltersAreInclusiveAndDoNotChangeTheCount) {
  RangeRequest request;
  request.set_min_mod_revision(4);
  request.set_max_mod_revision(8);
  EXPECT_EQ(Answer(request), "bc");
  EXPECT_EQ(response_.count(), 3);
  request.set_min_create_revision(3);
  EXPECT_EQ(Answer(request), "b");
  request.Clear();
  request.set_max_create_revision(2);
  EXPECT_EQ(Answer(request), "c");
}

TEST_F(RangeAnswerTest, TheLimitCountsWhatPassesTheFilters) {
  RangeRequest request;
  request.set_min_mod_revision(8);
  request.set_limit(1);
  EXPECT_EQ(KeysToRead(request), 0u) << "any key may pass";
  EXPECT_EQ(Answer(request), "a");
  EXPECT_TRUE(response_.more());
  request.set_limit(2);
  EXPECT_EQ(Answer(request), "ac");
  EXPECT_FALSE(response_.more());
}

TEST_F(RangeAnswerTest, KeysOnlyBlanksValuesButSortsByThem) {
  RangeRequest request = Sorted(RangeRequest::VALUE, RangeRequest::ASCEND);
  request.set_keys_only(true);
  EXPECT_TRUE(NeedsValues(request));
  EXPECT_EQ(Answer(request), "cab");
  EXPECT_EQ(response_.kvs(0).value(), "");
  EXPECT_EQ(response_.kvs(0).version(), 3);
  request.set_sort_target(RangeRequest::KEY);
  EXPECT_FALSE(NeedsValues(request));
}

TEST_F(RangeAnswerTest, OnlyAscendingKeysLeaveInTheOrderInWhichTheyAreRead) {
  EXPECT_TRUE(IsKeyOrder(RangeRequest()));
  EXPECT_TRUE(IsKeyOrder(Sorted(RangeRequest::KEY, RangeRequest::ASCEND)));
  EXPECT_FALSE(IsKeyOrder(Sorted(RangeRequest::KEY, RangeRequest::DESCEND)));
  EXPECT_FALSE(IsKeyOrder(Sorted(RangeRequest::MOD, RangeRequest::NONE)));
  RangeRequest filtered;
  filtered.set_max_mod_revision(1);
  EXPECT_TRUE(IsKeyOrder(filtered)) << "what does not pass is left out on the way";
}

}  // namespace
}  // namespace keelson::server
