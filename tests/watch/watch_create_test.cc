// Ids, ranges and the answer to a create request.
#include "tests/watch/watch_fixture.h"

namespace keelson::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class WatchCreate : public WatchFixture {};

TEST_F(WatchCreate, AnswerStatesTheIdAndTheStoresRevision) {
  Put("a");
  auto stream = Open();
  const Response created = Create(stream, {.key = "a"});
  EXPECT_EQ(created.watch_id(), 0);
  EXPECT_FALSE(created.canceled());
  EXPECT_EQ(created.events_size(), 0);
  EXPECT_EQ(created.header().revision(), 2);
  EXPECT_EQ(created.header().cluster_id(), 11u);
  EXPECT_EQ(created.header().member_id(), 22u);
  EXPECT_EQ(created.header().raft_term(), 33u);
}

TEST_F(WatchCreate, ServerPicksIdsFromZeroAndSkipsUsedOnes) {
  auto stream = Open();
  EXPECT_EQ(Create(stream, {.key = "a", .watch_id = 1}).watch_id(), 1);
  EXPECT_EQ(Create(stream, {.key = "a"}).watch_id(), 0);
  EXPECT_EQ(Create(stream, {.key = "a"}).watch_id(), 2);
  EXPECT_EQ(Create(stream, {.key = "a", .watch_id = 77}).watch_id(), 77);
  EXPECT_EQ(Create(stream, {.key = "a"}).watch_id(), 3);
}

TEST_F(WatchCreate, IdsOfOneStreamAreIndependentOfAnother) {
  auto one = Open();
  auto two = Open();
  EXPECT_EQ(Create(one, {.key = "a"}).watch_id(), 0);
  EXPECT_EQ(Create(two, {.key = "a"}).watch_id(), 0);
}

TEST_F(WatchCreate, IdInUseIsRefusedWithEtcdsReason) {
  auto stream = Open();
  Create(stream, {.key = "a", .watch_id = 5});
  const Response refused = Create(stream, {.key = "b", .watch_id = 5});
  EXPECT_TRUE(refused.canceled());
  EXPECT_EQ(refused.watch_id(), -1);
  EXPECT_EQ(refused.cancel_reason(), "mvcc: duplicate watch ID provided on the WatchStream");
  EXPECT_EQ(refused.header().revision(), 1);
  Put("b");
  Settle();
  EXPECT_TRUE(Quiet(stream));
  EXPECT_EQ(hub().counters().watchers, 1u);
}

TEST_F(WatchCreate, IdIsFreeAgainAfterCancel) {
  auto stream = Open();
  Create(stream, {.key = "a", .watch_id = 5});
  hub().Cancel(stream.id, 5);
  EXPECT_TRUE(Next(stream).canceled());
  EXPECT_EQ(Create(stream, {.key = "a", .watch_id = 5}).watch_id(), 5);
}

TEST_F(WatchCreate, RangeThatEndsBeforeItBeginsIsRefused) {
  auto stream = Open();
  for (const char* end : {"b", "a"}) {
    const Response refused = Create(stream, {.key = "b", .range_end = end});
    EXPECT_TRUE(refused.canceled());
    EXPECT_EQ(refused.watch_id(), -1);
    EXPECT_EQ(refused.cancel_reason(), "mvcc: watcher range is empty");
  }
}

TEST_F(WatchCreate, NegativeStartRevisionIsRefusedAsCompacted) {
  auto stream = Open();
  const Response refused = Create(stream, {.key = "a", .start_revision = -1});
  EXPECT_TRUE(refused.canceled());
  EXPECT_EQ(refused.watch_id(), -1);
  EXPECT_EQ(refused.cancel_reason(), "etcdserver: mvcc: required revision has been compacted");
  EXPECT_EQ(hub().counters().watchers, 0u);
}

TEST_F(WatchCreate, RefusedRightsAreToldInTheReason) {
  auto stream = Open();
  hub().Refuse(stream.id,
               "rpc error: code = PermissionDenied desc = etcdserver: permission denied");
  const Response refused = Next(stream);
  EXPECT_TRUE(refused.created());
  EXPECT_TRUE(refused.canceled());
  EXPECT_EQ(refused.watch_id(), -1);
  EXPECT_EQ(refused.cancel_reason(),
            "rpc error: code = PermissionDenied desc = etcdserver: permission denied");
}

TEST_F(WatchCreate, CreatesAreAnsweredInTheOrderOfTheRequests) {
  auto stream = Open();
  for (int64_t id = 10; id > 0; --id) hub().Create(stream.id, {.key = "a", .watch_id = id});
  for (int64_t id = 10; id > 0; --id) EXPECT_EQ(Next(stream).watch_id(), id);
}

TEST_F(WatchCreate, NoEventOfAnIdComesBeforeItsCreatedAnswer) {
  Put("a", "old");
  auto stream = Open();
  hub().Create(stream.id, {.key = "a", .start_revision = 2});
  Put("a", "new");
  Settle();
  EXPECT_TRUE(Next(stream).created());
  EXPECT_THAT(Events(stream), ElementsAre("PUT a=old@2", "PUT a=new@3"));
}

TEST_F(WatchCreate, SingleKeyWatchSeesThatKeyOnly) {
  auto stream = Open();
  Create(stream, {.key = "b"});
  for (const char* key : {"a", "b", "ba", "bb", "c"}) Put(key);
  Settle();
  EXPECT_THAT(Events(stream), ElementsAre("PUT b=v@3"));
}

TEST_F(WatchCreate, RangeWatchSeesItsBeginButNotItsEnd) {
  auto stream = Open();
  Create(stream, {.key = "b", .range_end = "d"});
  for (const char* key : {"a", "b", "bz", "cc", "d", "e"}) Put(key);
  Settle();
  EXPECT_THAT(Events(stream), ElementsAre("PUT b=v@3", "PUT bz=v@4", "PUT cc=v@5"));
}

TEST_F(WatchCreate, ZeroByteAsTheEndMeansEverythingFromTheKeyOn) {
  auto stream = Open();
  Create(stream, {.key = "b", .range_end = std::string(1, '\0')});
  for (const char* key : {"a", "b", "zz"}) Put(key);
  Put("\xff\xff");
  Settle();
  EXPECT_THAT(Events(stream), ElementsAre("PUT b=v@3", "PUT zz=v@4", "PUT \xff\xff=v@5"));
}

TEST_F(WatchCreate, EmptyKeyMeansTheStartOfTheKeyspace) {
  auto all = Open();
  auto zero = Open();
  Create(all, {.key = "", .range_end = std::string(1, '\0')});
  Create(zero, {.key = ""});
  Put(std::string(1, '\0'), "nul");
  Put("a");
  Settle();
  EXPECT_EQ(Events(all).size(), 2u);
  EXPECT_EQ(Events(zero).size(), 1u);
}

TEST_F(WatchCreate, ManyWatchersOfOneStreamGetEachTheirOwnEvents) {
  auto stream = Open();
  for (int64_t id = 1; id <= 5; ++id) {
    Create(stream, {.key = "k" + std::to_string(id), .watch_id = id});
  }
  for (int64_t id = 5; id > 0; --id) Put("k" + std::to_string(id));
  Settle();
  for (int64_t id = 5; id > 0; --id) {
    const Response response = Next(stream);
    EXPECT_EQ(response.watch_id(), id);
    EXPECT_EQ(response.events(0).kv().key(), "k" + std::to_string(id));
  }
  EXPECT_TRUE(Quiet(stream));
}

TEST_F(WatchCreate, RequestsOfAnUnknownStreamAreIgnored) {
  hub().Create(99, {.key = "a"});
  hub().Cancel(99, 0);
  hub().RequestProgress(99);
  hub().OnWritable(99);
  hub().Close(99);
  EXPECT_EQ(hub().counters().watchers, 0u);
}

}  // namespace
}  // namespace keelson::server
