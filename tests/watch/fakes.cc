#include "tests/watch/fakes.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace keelson::server {
namespace {

using storage::Change;
using storage::KeyValue;

class FakeCursor final : public storage::HistoryCursor {
 public:
  FakeCursor(std::shared_ptr<std::vector<Change>> history, int64_t from, int64_t to,
             int64_t compacted, storage::ReadView::KeyFilter wanted, std::shared_ptr<bool> broken)
      : history_(std::move(history)),
        reached_(from - 1),
        to_(to),
        compacted_(compacted),
        wanted_(std::move(wanted)),
        broken_(std::move(broken)) {
    position_ = std::partition_point(history_->begin(), history_->end(),
                                     [&](const Change& c) { return c.rev.main < from; }) -
                history_->begin();
  }

  absl::Status Next(const storage::SliceBudget& budget, std::vector<Change>* out) override {
    if (*broken_) return absl::DataLossError("block 7 of 000012.sst is damaged");
    uint64_t keys = 0;
    while (position_ < history_->size()) {
      const Change& change = (*history_)[position_];
      const int64_t revision = change.rev.main;
      if (revision > to_) break;
      if (keys >= budget.max_keys && revision != reached_) return absl::OkStatus();
      ++position_;
      ++keys;
      reached_ = revision;
      if (wanted_ && !wanted_(change.now->key)) continue;
      out->push_back(change);
      if (revision <= compacted_) out->back().prev = nullptr;
    }
    reached_ = to_;
    done_ = true;
    return absl::OkStatus();
  }
  int64_t reached() const override { return reached_; }
  bool done() const override { return done_; }

 private:
  std::shared_ptr<std::vector<Change>> history_;
  size_t position_ = 0;
  int64_t reached_;
  int64_t to_;
  int64_t compacted_;
  storage::ReadView::KeyFilter wanted_;
  std::shared_ptr<bool> broken_;
  bool done_ = false;
};

class FakeView final : public storage::ReadView {
 public:
  FakeView(std::shared_ptr<std::vector<Change>> history, int64_t revision, int64_t compacted,
           std::shared_ptr<bool> broken, std::shared_ptr<int> opened)
      : history_(std::move(history)),
        revision_(revision),
        compacted_(compacted),
        broken_(std::move(broken)),
        opened_(std::move(opened)) {}

  raft::EntryId applied() const override { return {}; }
  int64_t revision() const override { return revision_; }
  int64_t compact_revision() const override { return compacted_; }
  absl::StatusOr<storage::KeyValuePtr> Get(std::string_view, int64_t) const override {
    return Unused();
  }
  absl::StatusOr<std::unique_ptr<storage::RangeCursor>> Range(
      storage::KeyRange, storage::RangeOptions) const override {
    return Unused();
  }
  absl::StatusOr<int64_t> Count(const storage::KeyRange&) const override { return Unused(); }
  absl::StatusOr<std::unique_ptr<storage::SlicedResult<int64_t>>> CountAt(storage::KeyRange,
                                                                          int64_t) const override {
    return Unused();
  }
  std::unique_ptr<storage::LeaseKeyCursor> LeaseKeys(int64_t) const override { return nullptr; }
  absl::StatusOr<std::unique_ptr<storage::HistoryCursor>> History(int64_t from,
                                                                  KeyFilter wanted) const override {
    EXPECT_GE(from, compacted_) << "compacted history is never asked for";
    ++*opened_;
    return std::make_unique<FakeCursor>(history_, from, revision_, compacted_, std::move(wanted),
                                        broken_);
  }
  absl::StatusOr<std::unique_ptr<storage::SlicedResult<storage::HashResult>>> HashKv(
      int64_t) const override {
    return Unused();
  }

 private:
  static absl::Status Unused() { return absl::UnimplementedError("watches don't use this"); }

  std::shared_ptr<std::vector<Change>> history_;
  int64_t revision_;
  int64_t compacted_;
  std::shared_ptr<bool> broken_;
  std::shared_ptr<int> opened_;
};

}  // namespace

Loop::TimerId FakeLoop::After(Duration delay, std::function<void()> task) {
  timers_[{now_ + delay, ++last_timer_}] = std::move(task);
  return last_timer_;
}

void FakeLoop::Cancel(TimerId timer) {
  std::erase_if(timers_, [&](const auto& entry) { return entry.first.second == timer; });
}

bool FakeLoop::RunTurn() {
  std::deque<std::function<void()>> tasks = std::exchange(tasks_, {});
  for (auto& task : tasks) task();
  return !tasks.empty();
}

void FakeLoop::Pass(Duration time) {
  const Instant end = now_ + time;
  while (!timers_.empty() && timers_.begin()->first.first <= end) {
    now_ = timers_.begin()->first.first;
    const auto task = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    task();
  }
  now_ = end;
}

void FakeRunner::Run(Lane lane, std::function<void()> work, std::function<void()> done) {
  EXPECT_EQ(lane, Lane::kRead);
  jobs_.push_back({std::move(work), std::move(done)});
}

bool FakeRunner::RunOne() {
  if (jobs_.empty()) return false;
  Job job = std::move(jobs_.front());
  jobs_.pop_front();
  job.work();
  loop_->Post(std::move(job.done));
  return true;
}

std::vector<Change> FakeStore::Apply(const std::vector<Op>& ops) {
  std::vector<Change> changes;
  const int64_t revision = revision_ + 1;
  for (const Op& op : ops) {
    const auto old = live_.find(op.key);
    const storage::KeyValuePtr prev = old == live_.end() ? nullptr : old->second;
    if (!op.value && prev == nullptr) continue;
    KeyValue now;
    now.key = op.key;
    now.mod_revision = revision;
    if (op.value) {
      now.value = *op.value;
      now.create_revision = prev ? prev->create_revision : revision;
      now.version = prev ? prev->version + 1 : 1;
      now.lease = op.lease;
    }
    Change change{.rev = {.main = revision, .sub = static_cast<int64_t>(changes.size())},
                  .deleted = !op.value,
                  .now = std::make_shared<const KeyValue>(std::move(now)),
                  .prev = prev};
    if (op.value) {
      live_[op.key] = change.now;
    } else {
      live_.erase(op.key);
    }
    changes.push_back(change);
  }
  if (changes.empty()) return changes;
  revision_ = revision;
  history_->insert(history_->end(), changes.begin(), changes.end());
  return changes;
}

storage::ReadViewPtr FakeStore::View() const {
  return std::make_shared<FakeView>(history_, revision_, compacted_, broken_, opened_);
}

void FakeSink::Send(SharedBody body) {
  EXPECT_FALSE(ended_.has_value()) << "nothing is sent after the end";
  std::string bytes = body.head;
  if (body.tail != nullptr) bytes += *body.tail;
  etcdserverpb::WatchResponse response;
  ASSERT_TRUE(response.ParseFromString(bytes));
  ASSERT_EQ(response.SerializeAsString(), bytes) << "the encoding is protobuf's own";
  if (response.events_size() > 0) {
    EXPECT_TRUE(Writable() || in_fragments_) << "no events for a reader that does not read";
    in_fragments_ = response.fragment();
  }
  if (stuck_) stuck_bytes_ += bytes.size();
  responses.push_back(std::move(response));
  tails.push_back(std::move(body.tail));
}

}  // namespace keelson::server
