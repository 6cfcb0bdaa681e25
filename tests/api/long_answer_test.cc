// A large answer beside the loop: at the client's pace, and gone with its client.
#include "server/api/long_answer.h"

#include <gtest/gtest.h>

#include "proto/etcd/rpc.pb.h"
#include "tests/watch/fakes.h"

namespace keelson::server {
namespace {

// `parts` parts of `part_bytes` each, measured in `slices` slices.
class FakeSource final : public AnswerSource {
 public:
  FakeSource(int slices, int parts, size_t part_bytes, bool* gone)
      : slices_(slices), parts_(parts), part_bytes_(part_bytes), gone_(gone) {
    size_ = static_cast<size_t>(parts) * part_bytes;
  }
  ~FakeSource() override { *gone_ = true; }

  absl::StatusOr<bool> Measure(const storage::SliceBudget&) override {
    if (!measure_error.ok()) return measure_error;
    return --slices_ <= 0;
  }
  size_t size() const override { return claimed_size != 0 ? claimed_size : size_; }
  absl::StatusOr<Part> NextPart(const storage::SliceBudget&) override {
    if (!part_error.ok()) return part_error;
    // An empty part now and then, as from a slice that found nothing.
    if (empty_first_) {
      empty_first_ = false;
      return std::make_shared<const std::string>();
    }
    if (parts_-- == 0) return Part();
    return std::make_shared<const std::string>(part_bytes_, 'x');
  }

  absl::Status measure_error;
  absl::Status part_error;
  size_t claimed_size = 0;

 private:
  int slices_;
  int parts_;
  size_t part_bytes_;
  size_t size_;
  bool empty_first_ = true;
  bool* gone_;
};

class FakeCall final : public Call {
 public:
  const CallContext& context() const override { return context_; }
  void SetEvents(Events events) override { events_ = std::move(events); }
  void AddMetadata(std::string_view, std::string_view) override {}
  void AddTrailer(std::string_view, std::string_view) override {}
  void Send(SharedBody) override { FAIL() << "long answers are sent in parts"; }
  void SendPart(SharedBody part, size_t rest) override {
    received += part.head;
    if (part.tail) received += *part.tail;
    pending += part.size();
    left = rest;
    ++parts;
  }
  void Finish(const absl::Status& status) override { finished = status; }
  size_t pending_bytes() const override { return pending; }
  void PauseReading(bool) override {}

  // The client takes everything.
  void Drain() {
    pending = 0;
    if (events_.on_writable) events_.on_writable();
  }
  void End() { std::exchange(events_, {}).on_end(); }
  // The call has ended by our Finish: as the front end does it.
  void Forget() { events_ = {}; }

  std::string received;
  size_t pending = 0;
  size_t left = SIZE_MAX;
  int parts = 0;
  std::optional<absl::Status> finished;

 private:
  CallContext context_;
  Events events_;
};

class LongAnswerTest : public testing::Test {
 protected:
  FakeSource& Start(int slices, int parts, size_t part_bytes) {
    auto source = std::make_unique<FakeSource>(slices, parts, part_bytes, &gone_);
    FakeSource& raw = *source;
    etcdserverpb::ResponseHeader header;
    header.set_revision(42);
    LongAnswer::Start(loop_, runner_, call_, std::move(source), header,
                      {.on_read = [this](Duration took) { reads_.push_back(took); },
                       .compacted = [this] { return compacted_; }});
    return raw;
  }
  // Runs jobs and turns until nothing is left to do; returns the number of jobs.
  int Settle() {
    int jobs = 0;
    while (runner_.RunOne()) {
      ++jobs;
      loop_.RunTurn();
    }
    return jobs;
  }
  void TearDown() override {
    call_->Forget();
    EXPECT_TRUE(gone_) << "the source was let go";
    EXPECT_EQ(loop_.timers(), 0u);
    EXPECT_EQ(call_.use_count(), 1) << "nothing holds a call that is over";
  }

  // A client that takes what waits for it, as seldom as it may, for `time` or to the end.
  void TakeSlowly(Duration time) {
    constexpr Duration kPause = SlowClient::kStuckAfter - std::chrono::seconds(1);
    for (; time.count() > 0 && !call_->finished.has_value(); time -= kPause) {
      loop_.Pass(kPause);
      call_->Drain();
      Settle();
    }
  }

  bool gone_ = false;
  bool compacted_ = false;
  std::vector<Duration> reads_;
  FakeLoop loop_;
  FakeRunner runner_{&loop_};
  std::shared_ptr<FakeCall> call_ = std::make_shared<FakeCall>();
};

TEST_F(LongAnswerTest, IsOneMessageWithTheHeaderFirst) {
  Start(/*slices=*/5, /*parts=*/3, /*part_bytes=*/100);
  Settle();
  EXPECT_EQ(call_->finished, absl::OkStatus());
  EXPECT_EQ(call_->left, 0u);
  ASSERT_GT(call_->received.size(), 300u);
  EXPECT_EQ(call_->received.substr(call_->received.size() - 300), std::string(300, 'x'));
  etcdserverpb::RangeResponse head;
  ASSERT_TRUE(head.ParseFromString(call_->received.substr(0, call_->received.size() - 300)));
  EXPECT_EQ(head.header().revision(), 42);
}

TEST_F(LongAnswerTest, HowLongTheReadingTookIsToldOnceWithoutTheSending) {
  Start(/*slices=*/3, /*parts=*/5, /*part_bytes=*/100);
  ASSERT_TRUE(runner_.RunOne());
  loop_.Pass(std::chrono::seconds(2));
  loop_.RunTurn();
  EXPECT_TRUE(reads_.empty()) << "it is not read to the end";
  Settle();
  ASSERT_EQ(reads_.size(), 1u);
  EXPECT_EQ(reads_[0], std::chrono::seconds(2));
  EXPECT_EQ(call_->finished, absl::OkStatus());
}

TEST_F(LongAnswerTest, ReadsNoFurtherThanTheClientTakes) {
  Start(1, 10, Call::kHighWater / 2);
  Settle();
  EXPECT_FALSE(call_->finished.has_value());
  EXPECT_LE(call_->pending, Call::kHighWater * 2);
  const int parts = call_->parts;
  EXPECT_EQ(Settle(), 0) << "nothing is read while the client does not read";
  int drains = 0;
  for (; !call_->finished.has_value(); ++drains) {
    call_->Drain();
    Settle();
    EXPECT_LE(call_->pending, Call::kHighWater * 2);
  }
  EXPECT_GT(call_->parts, parts);
  EXPECT_GE(drains, 3);
  EXPECT_EQ(call_->finished, absl::OkStatus());
}

TEST_F(LongAnswerTest, AClientThatGoesWhileASliceIsReadEndsItThere) {
  Start(100, 1, 10);
  ASSERT_TRUE(runner_.RunOne());
  loop_.RunTurn();
  ASSERT_EQ(runner_.waiting(), 1u);
  call_->End();
  EXPECT_FALSE(gone_) << "the slice still uses it";
  EXPECT_LE(Settle(), 2) << "the slice, then the source goes on the lane";
  EXPECT_FALSE(call_->finished.has_value());
}

TEST_F(LongAnswerTest, AClientThatGoesWhileItsAnswerWaitsIsForgotten) {
  Start(1, 10, Call::kHighWater);
  Settle();
  ASSERT_FALSE(call_->finished.has_value());
  call_->End();
  EXPECT_FALSE(gone_) << "freed on the lane, not on the loop";
  EXPECT_EQ(Settle(), 1);
  EXPECT_FALSE(call_->finished.has_value());
}

TEST_F(LongAnswerTest, AClientThatTakesNothingDoesNotPinItsViewForever) {
  Start(1, 10, Call::kHighWater);
  Settle();
  loop_.Pass(SlowClient::kStuckAfter / 2);
  ASSERT_FALSE(call_->finished.has_value());
  call_->Drain();
  Settle();
  loop_.Pass(SlowClient::kStuckAfter - std::chrono::seconds(1));
  ASSERT_FALSE(call_->finished.has_value()) << "it had taken something since";
  loop_.Pass(std::chrono::seconds(2));
  ASSERT_TRUE(call_->finished.has_value());
  EXPECT_EQ(call_->finished->code(), absl::StatusCode::kAborted);
  Settle();
}

TEST_F(LongAnswerTest, ASlowClientMayTakeItsTimeWhileItKeepsNoHistory) {
  Start(1, 60, Call::kHighWater);
  Settle();
  TakeSlowly(4 * SlowClient::kKeepsHistoryFor);
  EXPECT_FALSE(call_->finished.has_value());
  TakeSlowly(20 * SlowClient::kKeepsHistoryFor);
  EXPECT_EQ(call_->finished, absl::OkStatus());
}

TEST_F(LongAnswerTest, ASlowClientDoesNotKeepCompactedHistoryForever) {
  compacted_ = true;
  Start(1, 60, Call::kHighWater);
  Settle();
  TakeSlowly(SlowClient::kKeepsHistoryFor - SlowClient::kStuckAfter);
  EXPECT_FALSE(call_->finished.has_value());
  TakeSlowly(2 * SlowClient::kStuckAfter);
  EXPECT_EQ(call_->finished, storage::CompactedError());
  Settle();
}

TEST_F(LongAnswerTest, ErrorsOfBothPhasesEndTheCall) {
  Start(2, 2, 10).measure_error = absl::OutOfRangeError("compacted");
  Settle();
  EXPECT_EQ(call_->finished, absl::OutOfRangeError("compacted"));
  EXPECT_EQ(call_->parts, 0);
  call_->Forget();
  call_ = std::make_shared<FakeCall>();
  Start(2, 2, 10).part_error = absl::DataLossError("disk");
  Settle();
  EXPECT_EQ(call_->finished, absl::DataLossError("disk"));
}

TEST_F(LongAnswerTest, AMessageThatNoClientCouldTakeIsRefused) {
  Start(1, 1, 10).claimed_size = size_t{3} << 30;
  Settle();
  ASSERT_TRUE(call_->finished.has_value());
  EXPECT_EQ(call_->finished->code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(call_->parts, 0);
}

}  // namespace
}  // namespace keelson::server
