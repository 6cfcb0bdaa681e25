// One revision of very many changes: never split in what a client sees, and no turn is long for it.
#include <string>

#include "tests/watch/watch_fixture.h"

namespace keelson::server {
namespace {

constexpr int kMany = 60'000;

class WatchLarge : public WatchFixture {
 protected:
  int64_t PutMany() {
    std::vector<FakeStore::Op> ops;
    for (int i = 0; i < kMany; ++i) ops.push_back({.key = "k" + std::to_string(i), .value = "v"});
    return Apply(ops);
  }
  // Turns until the stream has a response.
  int TurnsUntilResponse(const Stream& stream) {
    hub().Deliver();
    int turns = 0;
    for (; Quiet(stream); ++turns) {
      if (!loop_.RunTurn() && !runner_.RunOne()) break;
    }
    return turns;
  }
};

TEST_F(WatchLarge, IsOneResponseMadeInManyTurns) {
  for (const bool from_past : {false, true}) {
    auto stream = Open();
    if (!from_past) Create(stream, {.key = "k", .range_end = "l"});
    const int64_t revision = PutMany();
    if (from_past) {
      Create(stream, {.key = "k", .range_end = "l", .start_revision = revision});
    }
    // At least as many as matching and encoding take, 2,000 units a turn.
    EXPECT_GE(TurnsUntilResponse(stream), kMany / 2000 + kMany / 8000) << from_past;
    const Response response = Next(stream);
    EXPECT_EQ(response.events_size(), kMany);
    EXPECT_FALSE(response.fragment());
    for (const auto& event : response.events()) ASSERT_EQ(event.kv().mod_revision(), revision);
    Settle();
    EXPECT_TRUE(Quiet(stream));
    hub().Close(stream.id);
  }
}

TEST_F(WatchLarge, GoesOnWithTheNextRevisionForEverybody) {
  auto one = Open();
  auto two = Open();
  Create(one, {.key = "k", .range_end = "l"});
  Create(two, {.key = "x"});
  PutMany();
  const int64_t after = Put("x", "w");
  Put("k1", "w");
  Settle();
  EXPECT_EQ(Next(one).events_size(), kMany);
  EXPECT_EQ(Events(one), std::vector<std::string>{"PUT k1=w@" + std::to_string(after + 1)});
  EXPECT_EQ(Events(two), std::vector<std::string>{"PUT x=w@" + std::to_string(after)});
}

TEST_F(WatchLarge, WatchersMayComeAndGoWhileItIsMade) {
  auto leaves = Open();
  auto stays = Open();
  for (auto* stream : {&leaves, &stays}) Create(*stream, {.key = "k", .range_end = "l"});
  const int64_t revision = PutMany();
  hub().Deliver();
  while (loop_.RunTurn() && runner_.waiting() == 0) {
  }
  while (runner_.RunOne()) {
  }
  for (int i = 0; i < kMany / 2000 + 2; ++i) loop_.RunTurn();  // in the middle of the encoding
  ASSERT_TRUE(Quiet(leaves) && Quiet(stays));
  hub().Cancel(leaves.id, 0);
  EXPECT_TRUE(Next(leaves).canceled());
  auto comes = Open();
  Create(comes, {.key = "k", .range_end = "l", .start_revision = revision});
  Settle();
  EXPECT_TRUE(Quiet(leaves));
  for (auto* stream : {&stays, &comes}) {
    EXPECT_EQ(Next(*stream).events_size(), kMany);
    EXPECT_TRUE(Quiet(*stream));
  }
}

TEST_F(WatchLarge, ComesInFragmentsToThoseWhoAskedForThem) {
  Start({.fragment_bytes = 100'000});
  auto stream = Open();
  Create(stream, {.key = "k", .range_end = "l", .fragment = true});
  PutMany();
  Settle();
  int events = 0;
  for (bool more = true; more;) {
    const Response part = Next(stream);
    events += part.events_size();
    EXPECT_LT(part.ByteSizeLong(), 100'000u);
    more = part.fragment();
  }
  EXPECT_EQ(events, kMany);
  EXPECT_TRUE(Quiet(stream));
}

TEST_F(WatchLarge, AReaderThatIsFullGetsItLater) {
  auto stream = Open();
  Create(stream, {.key = "k", .range_end = "l"});
  stream.sink->Stick(0);
  PutMany();
  Settle();
  EXPECT_TRUE(Quiet(stream));
  stream.sink->Unstick();
  hub().OnWritable(stream.id);
  Settle();
  EXPECT_EQ(Next(stream).events_size(), kMany);
}

}  // namespace
}  // namespace keelson::server
