// The parts: range index, ring, key filter.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "server/watch/event_ring.h"
#include "server/watch/key_filter.h"
#include "server/watch/range_index.h"

namespace keelson::server {
namespace {

using storage::KeyRange;

std::string RandomKey(std::mt19937_64& random) {
  std::string key;
  for (size_t length = random() % 4; length > 0; --length) key += "ab\0\xff"[random() % 4];
  return key;
}

KeyRange RandomRange(std::mt19937_64& random) {
  for (;;) {
    KeyRange range{.begin = RandomKey(random), .end = RandomKey(random)};
    if (random() % 3 == 0) range.end = range.begin + '\0';
    if (random() % 8 == 0) range.end = std::nullopt;
    if (!range.end || range.begin < *range.end) return range;
  }
}

bool Holds(const KeyRange& range, std::string_view key) {
  return key >= range.begin && (!range.end || key < *range.end);
}

TEST(RangeIndex, MatchesExactlyTheRangesThatHoldTheKeyWhateverComesAndGoes) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    RangeIndex index([&] { return random(); });
    std::vector<std::pair<std::unique_ptr<Watcher>, KeyRange>> model;
    for (int step = 0; step < 2000; ++step) {
      if (model.empty() || random() % 100 < (step < 1000 ? 70 : 30)) {
        model.emplace_back(std::make_unique<Watcher>(), RandomRange(random));
        index.Insert(model.back().first.get(), model.back().second);
      } else {
        const size_t victim = random() % model.size();
        RangeIndex::Remove(model[victim].first.get());
        std::swap(model[victim], model.back());
        model.pop_back();
      }
      ASSERT_EQ(index.watchers(), model.size());
      const std::string key = RandomKey(random);
      std::set<const Watcher*> expected;
      for (const auto& [watcher, range] : model) {
        if (Holds(range, key)) expected.insert(watcher.get());
      }
      std::set<const Watcher*> matched;
      index.Match(key, [&](RangeNode* node) {
        for (const Watcher* watcher : node->watchers) {
          ASSERT_TRUE(matched.insert(watcher).second) << "matched twice";
        }
      });
      ASSERT_EQ(matched, expected);
    }
  }
}

TEST(RangeIndex, EqualRangesShareOneNode) {
  RangeIndex index([] { return 4; });
  Watcher one;
  Watcher two;
  index.Insert(&one, {.begin = "a", .end = "b"});
  index.Insert(&two, {.begin = "a", .end = "b"});
  EXPECT_EQ(one.node, two.node);
  RangeIndex::Remove(&one);
  RangeIndex::Remove(&two);
}

TEST(RangeIndex, ManyRangesStayFastEvenWhenTheyComeInOrder) {
  std::mt19937_64 random(7);
  RangeIndex index([&] { return random(); });
  std::vector<std::unique_ptr<Watcher>> watchers;
  for (int i = 100'000; i < 200'000; ++i) {
    watchers.push_back(std::make_unique<Watcher>());
    const std::string begin = "/registry/" + std::to_string(i) + "/";
    index.Insert(watchers.back().get(), {.begin = begin, .end = begin + "~"});
  }
  size_t found = 0;
  for (int i = 100'000; i < 200'000; i += 10) {
    index.Match("/registry/" + std::to_string(i) + "/pod", [&](RangeNode*) { ++found; });
  }
  EXPECT_EQ(found, 10'000u);
}

WatchEventPtr EventAt(int64_t revision, size_t value_bytes = 10) {
  storage::KeyValue pair;
  pair.key = "k";
  pair.value = std::string(value_bytes, 'x');
  storage::Change change;
  change.rev.main = revision;
  change.now = std::make_shared<const storage::KeyValue>(std::move(pair));
  return std::make_shared<WatchEvent>(std::move(change));
}

TEST(EventRing, TrimDropsTheOldestRevisionsWhole) {
  EventRing ring(1000, 5);
  for (int64_t revision : {5, 5, 6, 6, 7, 8, 9}) ring.Append(EventAt(revision));
  const size_t each = ring.bytes() / 7;
  ring.Trim();
  EXPECT_LE(ring.bytes(), 1000u);
  EXPECT_EQ(ring.bytes(), ring.size() * each);
  EXPECT_EQ(ring.base(), 6);
  EXPECT_EQ(ring.CountFrom(6), 5u);
}

TEST(EventRing, EncodedBytesCountAsLongAsTheEventIsInTheRing) {
  EventRing ring(100'000, 1);
  const WatchEventPtr event = EventAt(1, 1000);
  ring.Append(event);
  const size_t before = ring.bytes();
  const size_t encoded = event->Encoded(false)->size();
  EXPECT_GT(encoded, 1000u);
  EXPECT_EQ(ring.bytes(), before + encoded);
  EXPECT_EQ(event->Encoded(true), event->Encoded(false)) << "there is no previous pair";
  EXPECT_EQ(ring.bytes(), before + encoded);
  ring.Reset(2);
  EXPECT_EQ(ring.bytes(), 0u);
}

TEST(EventRing, TakeNeverSplitsARevision) {
  EventRing ring(1 << 20, 1);
  for (int64_t revision : {1, 2, 2, 2, 3}) ring.Append(EventAt(revision));
  std::vector<WatchEventPtr> events;
  EXPECT_EQ(ring.Take(1, 2, 1 << 20, &events), 2);
  EXPECT_EQ(events.size(), 4u);
  EXPECT_EQ(ring.Take(3, 2, 1 << 20, &events), 3);
  EXPECT_EQ(events.size(), 5u);
  EXPECT_EQ(ring.Take(4, 2, 1 << 20, &events), 3);
  EXPECT_EQ(ring.Take(1, 100, 1, &events), 1) << "at least one revision";
}

TEST(KeyFilter, HoldsAKeyIffOneOfTheRangesDoes) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 500; ++round) {
    std::vector<KeyRange> ranges;
    for (size_t n = random() % 6; n > 0; --n) ranges.push_back(RandomRange(random));
    const auto filter = MakeKeyFilter(ranges);
    for (int i = 0; i < 50; ++i) {
      const std::string key = RandomKey(random);
      const bool expected = std::any_of(ranges.begin(), ranges.end(),
                                        [&](const KeyRange& range) { return Holds(range, key); });
      ASSERT_EQ(filter(key), expected);
    }
  }
}

}  // namespace
}  // namespace keelson::server
