// To whom a state is streamed, from which checkpoint, and what ends it.
#include "server/node/snapshot_sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/sim_loop.h"
#include "tests/snapshot/snapshot_harness.h"

namespace keelson::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using State = SnapshotChunkAck::State;

constexpr raft::NodeId kPeer(2);

class SnapshotSenderTest : public ::testing::Test {
 protected:
  SnapshotSenderTest() {
    disk_.Fill(*store_.store, "k", 500);
    disk_.Flush(*store_.store);
    MakeSender(/*boot_id=*/7);
  }

  // Of the process that starts with `boot_id`.
  void MakeSender(uint64_t boot_id) {
    SnapshotSender::Environment env;
    env.boot_id = boot_id;
    env.loop = &loop_;
    env.runner = &runner_;
    env.logger = &logger_;
    env.connected = [this](raft::NodeId) { return connected_; };
    env.send = [this](raft::NodeId, PeerMessage message) {
      if (connected_) sent_.push_back(std::move(message));
      return connected_;
    };
    env.checkpoint = [this](auto done) {
      ++checkpoints_;
      done(disk_.TakeCheckpoint(*store_.store));
    };
    env.offer = [](raft::NodeId, const storage::SnapshotManifest&) { return raft::Message(); };
    env.term = [] { return raft::Term(3); };
    env.finished = [this](raft::NodeId, bool ok) { ended_.push_back(ok); };
    sender_ = std::make_unique<SnapshotSender>(std::move(env), limits_);
  }

  void RunFor(Duration time) {
    const Instant end = world_.now() + time;
    while (world_.now() < end) {
      world_.RunUntil(std::min(end, world_.now() + milliseconds(100)));
      sender_->Tick();
    }
  }
  // How often a stream began.
  size_t Heads() const {
    size_t heads = 0;
    for (const PeerMessage& message : sent_) {
      const auto* chunk = std::get_if<SnapshotChunk>(&message);
      if (chunk != nullptr && !chunk->manifest.empty()) ++heads;
    }
    return heads;
  }
  uint64_t stream() const {
    for (auto it = sent_.rbegin(); it != sent_.rend(); ++it) {
      if (const auto* chunk = std::get_if<SnapshotChunk>(&*it)) return chunk->stream;
    }
    return 0;
  }
  uint64_t BytesSent() const {
    uint64_t bytes = 0;
    for (const PeerMessage& message : sent_) {
      if (const auto* chunk = std::get_if<SnapshotChunk>(&message)) bytes += chunk->data.size();
    }
    return bytes;
  }
  bool Offered() const {
    return !sent_.empty() && std::holds_alternative<raft::Message>(sent_.back());
  }
  void Ack(uint64_t bytes, State state = State::kContinue) {
    sender_->OnAck(kPeer, {stream(), bytes, state, ""});
  }

  storage::SnapshotWorld disk_{1};  // outlives what the world has queued
  sim::World world_{1};
  sim::SimLoop loop_{world_};
  sim::SimRunner runner_{loop_, world_.dice()};
  Logger logger_{LogLevel::kFatal, [](std::string_view) {}, [] { return std::string(); }};
  storage::OpenedStore store_ = disk_.Open(storage::kSender);
  SnapshotSender::Limits limits_{.chunk_bytes = 512,
                                 .window_bytes = 2048,
                                 .bytes_per_second = 1 << 20,
                                 .no_progress = seconds(10),
                                 .retry_after = seconds(1),
                                 .keep_checkpoint = seconds(30)};
  std::unique_ptr<SnapshotSender> sender_;
  std::vector<PeerMessage> sent_;
  std::vector<bool> ended_;
  bool connected_ = true;
  int checkpoints_ = 0;
};

TEST_F(SnapshotSenderTest, AWholeStateGoesInAWindowThenTheOffer) {
  sender_->Send(kPeer, raft::Index(1));
  EXPECT_EQ(Heads(), 1u);
  EXPECT_EQ(BytesSent(), 0u) << "the receiver has to want it";
  Ack(0);
  RunFor(seconds(1));
  EXPECT_GE(BytesSent(), limits_.window_bytes);
  EXPECT_LT(BytesSent(), limits_.window_bytes + limits_.chunk_bytes);
  while (!Offered()) {
    const uint64_t before = BytesSent();
    Ack(before);
    RunFor(milliseconds(100));
    ASSERT_TRUE(Offered() || BytesSent() > before);
  }
  EXPECT_THAT(ended_, IsEmpty());
  Ack(BytesSent(), State::kInstalled);
  EXPECT_THAT(ended_, ElementsAre(true));
  EXPECT_EQ(sender_->sent_total(), 1u);
  EXPECT_EQ(checkpoints_, 1);
}

TEST_F(SnapshotSenderTest, AnEarlierPlaceIsSentAgain) {
  sender_->Send(kPeer, raft::Index(1));
  Ack(0);
  RunFor(seconds(1));
  Ack(1024);
  RunFor(seconds(1));
  const uint64_t before = BytesSent();
  Ack(512);  // what followed was damaged
  RunFor(seconds(1));
  EXPECT_GE(BytesSent(), before + limits_.window_bytes);
}

TEST_F(SnapshotSenderTest, WrongAndRefusingAnswersEndIt) {
  sender_->Send(kPeer, raft::Index(1));
  sender_->OnAck(kPeer, {stream() + 1, 0, State::kInstalled, ""});
  EXPECT_THAT(ended_, IsEmpty()) << "of another stream";
  Ack(uint64_t{1} << 40);
  EXPECT_THAT(ended_, ElementsAre(false));
  RunFor(seconds(2));
  sender_->Send(kPeer, raft::Index(1));
  Ack(0, State::kRefused);
  EXPECT_THAT(ended_, ElementsAre(false, false));
  EXPECT_EQ(sender_->sent_total(), 0u);
}

TEST_F(SnapshotSenderTest, WhatIsSaidToTheProcessBeforeCountsForNothing) {
  sender_->Send(kPeer, raft::Index(1));
  const uint64_t before = stream();
  MakeSender(/*boot_id=*/uint64_t{1} << 40);
  sender_->Send(kPeer, raft::Index(1));
  ASSERT_EQ(Heads(), 2u);
  sender_->OnAck(kPeer, {before, 0, State::kInstalled, ""});
  sender_->OnAck(kPeer, {before, 0, State::kRefused, "no"});
  EXPECT_THAT(ended_, IsEmpty());
  Ack(0, State::kInstalled);
  EXPECT_THAT(ended_, ElementsAre(true));
}

TEST_F(SnapshotSenderTest, NothingGoesOnOverTheEndOfAReign) {
  sender_->Send(kPeer, raft::Index(1));
  Ack(0);
  RunFor(milliseconds(100));
  const uint64_t stream_before = stream();
  const uint64_t bytes_before = BytesSent();
  ASSERT_GT(bytes_before, 0u);
  sender_->EndReign();
  sender_->OnAck(kPeer, {stream_before, bytes_before, State::kContinue, ""});
  RunFor(seconds(1));
  EXPECT_EQ(BytesSent(), bytes_before);
  EXPECT_THAT(ended_, IsEmpty()) << "the core of the next reign knows nothing of it";
  sender_->Send(kPeer, raft::Index(1));
  EXPECT_EQ(Heads(), 2u) << "at once: that one did not fail";
  EXPECT_EQ(checkpoints_, 1);
  sender_->OnAck(kPeer, {stream_before, 0, State::kInstalled, ""});
  EXPECT_THAT(ended_, IsEmpty());
}

TEST_F(SnapshotSenderTest, WhoStaysSilentIsGivenUp) {
  sender_->Send(kPeer, raft::Index(1));
  RunFor(seconds(9));
  EXPECT_THAT(ended_, IsEmpty());
  RunFor(seconds(2));
  EXPECT_THAT(ended_, ElementsAre(false));
}

TEST_F(SnapshotSenderTest, ForAPeerThatIsNotConnectedNoCheckpointIsMade) {
  connected_ = false;
  for (int i = 0; i < 50; ++i) {
    sender_->Send(kPeer, raft::Index(1));
    RunFor(milliseconds(100));
  }
  EXPECT_EQ(checkpoints_, 0);
  EXPECT_GE(ended_.size(), 4u);
  EXPECT_LE(ended_.size(), 6u) << "tried once a second";
  connected_ = true;
  sender_->Send(kPeer, raft::Index(1));
  RunFor(seconds(1));
  EXPECT_EQ(Heads(), 1u);
}

TEST_F(SnapshotSenderTest, AFailedTransferIsTriedAgainLaterFromTheSameCheckpoint) {
  for (int i = 0; i < 20; ++i) {
    sender_->Send(kPeer, raft::Index(1));
    RunFor(milliseconds(100));
    sender_->OnClosed(kPeer);
  }
  EXPECT_EQ(checkpoints_, 1);
  EXPECT_LE(Heads(), 3u);
  sender_->Send(raft::NodeId(3), raft::Index(1));
  EXPECT_EQ(checkpoints_, 1) << "another peer takes it too";
}

TEST_F(SnapshotSenderTest, ACheckpointIsNotKeptForLongNorUsedWhereItIsTooOld) {
  const raft::Index first = store_.store->applied().index;
  sender_->Send(kPeer, first);
  sender_->OnClosed(kPeer);
  disk_.Fill(*store_.store, "l", 5);
  disk_.Flush(*store_.store);
  sender_->Send(raft::NodeId(3), first.Next());
  EXPECT_EQ(checkpoints_, 2) << "the log that follows the first one is gone";
  sender_->OnClosed(raft::NodeId(3));
  RunFor(seconds(31));
  sender_->Send(kPeer, first);
  EXPECT_EQ(checkpoints_, 3);
  sender_->OnClosed(kPeer);
  sender_->DropKept();
  sender_->Send(raft::NodeId(3), first);
  EXPECT_EQ(checkpoints_, 4);
}

}  // namespace
}  // namespace keelson::server
