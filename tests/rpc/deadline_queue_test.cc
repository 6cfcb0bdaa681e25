#include "server/rpc/deadline_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <vector>

namespace keelson::server {
namespace {

using std::chrono::milliseconds;

constexpr DeadlineQueue::Time kStart{std::chrono::hours(1)};

class Note final : public DeadlineQueue::Entry {
 public:
  explicit Note(std::function<void()> action) : action_(std::move(action)) {}

 private:
  void OnDeadline() override { action_(); }
  std::function<void()> action_;
};

TEST(DeadlineQueueTest, EntriesExpireInTheOrderOfTheirDeadlines) {
  DeadlineQueue queue;
  std::vector<int> order;
  Note a([&] { order.push_back(1); });
  Note b([&] { order.push_back(2); });
  Note c([&] { order.push_back(3); });
  queue.Set(c, kStart + milliseconds(3));
  queue.Set(a, kStart + milliseconds(1));
  queue.Set(b, kStart + milliseconds(2));
  EXPECT_EQ(queue.Next(), kStart + milliseconds(1));
  queue.Expire(kStart + milliseconds(2));
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_FALSE(a.armed());
  EXPECT_TRUE(c.armed());
  queue.Clear(c);
  EXPECT_EQ(queue.Next(), std::nullopt);
}

TEST(DeadlineQueueTest, AMovedDeadlineCountsAndAClearedOneDoesNot) {
  DeadlineQueue queue;
  int moved = 0;
  int cleared = 0;
  Note a([&] { ++moved; });
  Note b([&] { ++cleared; });
  queue.Set(a, kStart + milliseconds(1));
  queue.Set(b, kStart + milliseconds(1));
  queue.Set(a, kStart + milliseconds(9));
  queue.Clear(b);
  queue.Expire(kStart + milliseconds(5));
  EXPECT_EQ(moved, 0);
  queue.Expire(kStart + milliseconds(9));
  EXPECT_EQ(moved, 1);
  EXPECT_EQ(cleared, 0);
}

TEST(DeadlineQueueTest, AnEntryMayArmItselfAgainWithoutHoldingTheLoop) {
  DeadlineQueue queue;
  int calls = 0;
  std::unique_ptr<Note> note;
  note = std::make_unique<Note>([&] {
    ++calls;
    queue.Set(*note, kStart);
  });
  queue.Set(*note, kStart);
  queue.Expire(kStart + milliseconds(1));
  EXPECT_EQ(calls, 1);
  queue.Clear(*note);
}

TEST(DeadlineQueueTest, AnExpiringEntryMayClearOthers) {
  DeadlineQueue queue;
  int calls = 0;
  Note b([&] { ++calls; });
  Note a([&] { queue.Clear(b); });
  queue.Set(a, kStart);
  queue.Set(b, kStart + milliseconds(1));
  queue.Expire(kStart + milliseconds(2));
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(queue.size(), 0u);
}

// Compares with a plain sort over random operations.
TEST(DeadlineQueueTest, RandomOperationsKeepTheOrder) {
  const char* fixed = std::getenv("KEELSON_SEED");
  const unsigned seed =
      fixed != nullptr ? std::strtoul(fixed, nullptr, 10) : std::random_device{}();
  SCOPED_TRACE("replay: KEELSON_SEED=" + std::to_string(seed) +
               " rpc_units_test --gtest_filter=DeadlineQueueTest.Random*");
  std::mt19937 random(seed);
  DeadlineQueue queue;
  std::vector<std::pair<DeadlineQueue::Time, int>> expired;
  std::vector<DeadlineQueue::Time> due(200);
  std::vector<std::unique_ptr<Note>> notes;
  for (int i = 0; i < 200; ++i) {
    notes.push_back(std::make_unique<Note>([&, i] { expired.emplace_back(due[i], i); }));
  }
  for (int step = 0; step < 5000; ++step) {
    const int i = static_cast<int>(random() % 200);
    if (random() % 3 == 0) {
      queue.Clear(*notes[i]);
    } else {
      due[i] = kStart + milliseconds(random() % 1000);
      queue.Set(*notes[i], due[i]);
    }
  }
  const size_t armed = queue.size();
  queue.Expire(kStart + milliseconds(1000));
  EXPECT_EQ(expired.size(), armed);
  EXPECT_TRUE(std::is_sorted(expired.begin(), expired.end(),
                             [](const auto& a, const auto& b) { return a.first < b.first; }));
}

}  // namespace
}  // namespace keelson::server
