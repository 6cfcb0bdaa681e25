// What an event says, and how events are put into responses.
#include "tests/watch/watch_fixture.h"

namespace keelson::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class WatchEvents : public WatchFixture {};

TEST_F(WatchEvents, PutCarriesTheWholePair) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  Put("a", "1");
  Apply({{.key = "a", .value = "2", .lease = 99}});
  Settle();
  const Response response = Next(stream);
  ASSERT_EQ(response.events_size(), 2);
  const auto& event = response.events(1);
  EXPECT_EQ(event.type(), mvccpb::Event::PUT);
  EXPECT_EQ(event.kv().key(), "a");
  EXPECT_EQ(event.kv().value(), "2");
  EXPECT_EQ(event.kv().create_revision(), 2);
  EXPECT_EQ(event.kv().mod_revision(), 3);
  EXPECT_EQ(event.kv().version(), 2);
  EXPECT_EQ(event.kv().lease(), 99);
  EXPECT_FALSE(event.has_prev_kv());
}

TEST_F(WatchEvents, DeleteCarriesOnlyKeyAndRevision) {
  Put("a", "1");
  auto stream = Open();
  Create(stream, {.key = "a"});
  Delete("a");
  Settle();
  const Response response = Next(stream);
  ASSERT_EQ(response.events_size(), 1);
  EXPECT_EQ(response.events(0).type(), mvccpb::Event::DELETE);
  mvccpb::KeyValue gone;
  gone.set_key("a");
  gone.set_mod_revision(3);
  EXPECT_EQ(response.events(0).kv().SerializeAsString(), gone.SerializeAsString());
}

TEST_F(WatchEvents, EmptyValuesAndBinaryKeysComeAsTheyAre) {
  auto stream = Open();
  Create(stream, {.key = "", .range_end = std::string(1, '\0')});
  Put(std::string("\0\xff", 2), "");
  Settle();
  const Response response = Next(stream);
  EXPECT_EQ(response.events(0).kv().key(), std::string("\0\xff", 2));
  EXPECT_EQ(response.events(0).kv().value(), "");
}

TEST_F(WatchEvents, PreviousPairComesOnlyWhenAskedForAndThereWasOne) {
  auto with = Open();
  auto without = Open();
  Create(with, {.key = "a", .prev_kv = true});
  Create(without, {.key = "a"});
  Put("a", "1");
  Put("a", "2");
  Delete("a");
  Settle();
  const Response response = Next(with);
  ASSERT_EQ(response.events_size(), 3);
  EXPECT_FALSE(response.events(0).has_prev_kv());
  EXPECT_EQ(response.events(1).prev_kv().value(), "1");
  EXPECT_EQ(response.events(2).prev_kv().value(), "2");
  EXPECT_EQ(response.events(2).prev_kv().version(), 2);
  const Response bare = Next(without);
  EXPECT_EQ(bare.events_size(), 3);
  for (const auto& event : bare.events()) EXPECT_FALSE(event.has_prev_kv());
}

// The pair that stood before the revision, even where the transaction itself has written another.
TEST_F(WatchEvents, PreviousPairIsTheOneBeforeTheRevision) {
  auto live = Open();
  Create(live, {.key = "a", .range_end = "z", .prev_kv = true});
  Put("old", "1");
  const int64_t revision = Apply({{.key = "new", .value = "2"},
                                  {.key = "old", .value = "2"},
                                  {.key = "new", .value = {}},
                                  {.key = "old", .value = {}}});
  Settle();
  auto late = Open();
  Create(late, {.key = "a", .range_end = "z", .start_revision = revision - 1, .prev_kv = true});
  Settle();
  Start();  // a hub without a ring: what follows is read from the store
  auto from_history = Open();
  Create(from_history,
         {.key = "a", .range_end = "z", .start_revision = revision - 1, .prev_kv = true});
  Settle();
  for (Stream* stream : {&live, &late, &from_history}) {
    const Response response = Next(*stream);
    ASSERT_EQ(response.events_size(), 5);
    EXPECT_FALSE(response.events(1).has_prev_kv());
    EXPECT_EQ(response.events(2).prev_kv().value(), "1");
    EXPECT_FALSE(response.events(3).has_prev_kv()) << "the key did not exist before";
    EXPECT_EQ(response.events(4).prev_kv().value(), "1");
  }
}

TEST_F(WatchEvents, PreviousPairOfAKeyThatWasDeletedWrittenAndDeletedAgain) {
  auto stream = Open();
  Create(stream, {.key = "a", .prev_kv = true});
  Put("a", "1");
  Apply({{.key = "a", .value = {}}, {.key = "a", .value = "2"}, {.key = "a", .value = {}}});
  Settle();
  const Response response = Next(stream);
  ASSERT_EQ(response.events_size(), 4);
  EXPECT_EQ(response.events(1).prev_kv().value(), "1");
  EXPECT_FALSE(response.events(2).has_prev_kv()) << "a put that creates has none";
  EXPECT_EQ(response.events(3).prev_kv().value(), "1");
}

TEST_F(WatchEvents, FiltersDropPutsOrDeletes) {
  auto no_put = Open();
  auto no_delete = Open();
  auto neither = Open();
  Create(no_put, {.key = "a", .no_put = true});
  Create(no_delete, {.key = "a", .no_delete = true});
  Create(neither, {.key = "a", .no_put = true, .no_delete = true});
  Put("a");
  Delete("a");
  Settle();
  EXPECT_THAT(Events(no_put), ElementsAre("DELETE a@3"));
  EXPECT_THAT(Events(no_delete), ElementsAre("PUT a=v@2"));
  EXPECT_TRUE(Quiet(neither)) << "if all is dropped nothing is sent";
}

TEST_F(WatchEvents, OneRevisionIsOneResponseInTheOrderOfItsChanges) {
  auto stream = Open();
  Create(stream, {.key = "a", .range_end = "z"});
  Put("b", "old");
  Apply({{.key = "d", .value = "1"}, {.key = "b", .value = {}}, {.key = "c", .value = "3"}});
  Settle();
  const Response response = Next(stream);
  ASSERT_EQ(response.events_size(), 4);
  EXPECT_EQ(Describe(response.events(1)), "PUT d=1@3");
  EXPECT_EQ(Describe(response.events(2)), "DELETE b@3");
  EXPECT_EQ(Describe(response.events(3)), "PUT c=3@3");
}

TEST_F(WatchEvents, RevisionLargerThanABatchIsNotSplit) {
  Start({.batch_bytes = 1000, .batch_changes = 3, .units_per_turn = 5});
  auto stream = Open();
  Create(stream, {.key = "k", .range_end = "l"});
  std::vector<FakeStore::Op> ops;
  for (int i = 0; i < 50; ++i) {
    ops.push_back({.key = "k" + std::to_string(i), .value = std::string(100, 'x')});
  }
  Apply(ops);
  Apply(ops);
  Settle();
  EXPECT_EQ(Next(stream).events_size(), 50);
  EXPECT_EQ(Next(stream).events_size(), 50);
}

TEST_F(WatchEvents, EventsOfATurnComeInOneResponse) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  for (int i = 0; i < 10; ++i) Put("a", std::to_string(i));
  Settle();
  const Response response = Next(stream);
  EXPECT_EQ(response.events_size(), 10);
  EXPECT_EQ(response.header().revision(), 11);
  EXPECT_TRUE(Quiet(stream));
}

TEST_F(WatchEvents, ResponsesOfATurnAreBoundedInSize) {
  Start({.batch_bytes = 10'000});
  auto stream = Open();
  Create(stream, {.key = "a"});
  for (int i = 0; i < 100; ++i) Put("a", std::string(1000, 'x'));
  Settle();
  int events = 0;
  while (!Quiet(stream)) {
    const Response response = Next(stream);
    EXPECT_LE(response.ByteSizeLong(), 12'000u);
    events += response.events_size();
  }
  EXPECT_EQ(events, 100);
}

TEST_F(WatchEvents, LiveResponseStatesTheRevisionOfItsLastEvent) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  Put("a");
  Put("b");
  Put("b");
  Settle();
  EXPECT_EQ(Next(stream).header().revision(), 2);
}

TEST_F(WatchEvents, CatchUpResponseStatesTheStoresRevision) {
  Put("a");
  Put("b");
  Put("b");
  auto stream = Open();
  Create(stream, {.key = "a", .start_revision = 1});
  Settle();
  const Response response = Next(stream);
  EXPECT_EQ(response.events(0).kv().mod_revision(), 2);
  EXPECT_EQ(response.header().revision(), 4);
}

TEST_F(WatchEvents, WatchersOfTheSameRangeShareTheBytes) {
  std::vector<Stream> streams;
  for (int i = 0; i < 5; ++i) {
    streams.push_back(Open());
    Create(streams.back(), {.key = "a", .range_end = "b"});
  }
  Put("a1");
  Put("a2");
  Settle();
  for (auto& stream : streams) {
    ASSERT_EQ(stream.sink->tails.size(), 2u);
    ASSERT_NE(stream.sink->tails[1], nullptr);
    EXPECT_EQ(stream.sink->tails[1], streams[0].sink->tails[1]);
  }
}

TEST_F(WatchEvents, OneEventIsEncodedOnceForDifferentRanges) {
  auto key = Open();
  auto range = Open();
  Create(key, {.key = "a"});
  Create(range, {.key = "a", .range_end = "c"});
  Put("a");
  Settle();
  ASSERT_NE(key.sink->tails[1], nullptr);
  EXPECT_EQ(key.sink->tails[1], range.sink->tails[1]);
}

TEST_F(WatchEvents, FragmentsHoldPartsOfOneRevisionAndAllButTheLastSaySo) {
  Start({.fragment_bytes = 1000});
  auto whole = Open();
  auto parts = Open();
  Create(whole, {.key = "k", .range_end = "l"});
  Create(parts, {.key = "k", .range_end = "l", .fragment = true});
  std::vector<FakeStore::Op> ops;
  for (int i = 10; i < 40; ++i) {
    ops.push_back({.key = "k" + std::to_string(i), .value = std::string(100, 'x')});
  }
  Apply(ops);
  Settle();
  EXPECT_EQ(Next(whole).events_size(), 30);
  int next = 10;
  while (true) {
    const Response part = Next(parts);
    EXPECT_LT(part.ByteSizeLong(), 1000u);
    EXPECT_EQ(part.header().revision(), 2);
    for (const auto& event : part.events()) {
      EXPECT_EQ(event.kv().key(), "k" + std::to_string(next++));
    }
    if (!part.fragment()) break;
    EXPECT_GT(part.events_size(), 1);
  }
  EXPECT_EQ(next, 40);
  EXPECT_TRUE(Quiet(parts));
}

TEST_F(WatchEvents, EventLargerThanAFragmentComesAlone) {
  Start({.fragment_bytes = 1000});
  auto stream = Open();
  Create(stream, {.key = "k", .range_end = "l", .fragment = true});
  Apply({{.key = "k1", .value = "small"},
         {.key = "k2", .value = std::string(5000, 'x')},
         {.key = "k3", .value = "small"}});
  Settle();
  EXPECT_TRUE(Next(stream).fragment());
  const Response large = Next(stream);
  EXPECT_TRUE(large.fragment());
  EXPECT_EQ(large.events_size(), 1);
  EXPECT_FALSE(Next(stream).fragment());
}

TEST_F(WatchEvents, SmallResponseIsNotFragmented) {
  auto stream = Open();
  Create(stream, {.key = "a", .fragment = true});
  Put("a");
  Settle();
  EXPECT_FALSE(Next(stream).fragment());
}

TEST_F(WatchEvents, BatchOfSeveralRevisionsPublishedAtOnceKeepsTheirOrder) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  std::vector<storage::Change> changes;
  for (int i = 0; i < 3; ++i) {
    for (auto& change : store_.Apply({{.key = "a", .value = std::to_string(i)}})) {
      changes.push_back(change);
    }
  }
  hub().Publish(changes, store_.revision());
  Settle();
  EXPECT_THAT(Events(stream), ElementsAre("PUT a=0@2", "PUT a=1@3", "PUT a=2@4"));
}

TEST_F(WatchEvents, PublishItselfSendsNothing) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  Put("a");
  EXPECT_TRUE(Quiet(stream));
}

}  // namespace
}  // namespace keelson::server
