// A streamed state is staged byte by byte, and installed only where the core wants it.
#include "server/node/snapshot_receiver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/sim_loop.h"
#include "tests/snapshot/snapshot_harness.h"

namespace keelson::server {
namespace {

using std::chrono::seconds;
using State = SnapshotChunkAck::State;

constexpr raft::NodeId kLeader(1);
constexpr raft::NodeId kNextLeader(2);

class SnapshotReceiverTest : public ::testing::Test {
 protected:
  SnapshotReceiverTest() {
    disk_.Fill(*store_.store, "k", 200);
    disk_.Flush(*store_.store);
    checkpoint_ = disk_.TakeCheckpoint(*store_.store);
    SnapshotReceiver::Environment env;
    env.runner = &runner_;
    env.logger = &logger_;
    env.fs = disk_.fs();
    env.root = storage::kTarget;
    env.send = [this](raft::NodeId, PeerMessage message) {
      acks_.push_back(std::get<SnapshotChunkAck>(message));
      return true;
    };
    env.offer = [this](raft::NodeId, const raft::Message&, uint64_t generation) {
      generation_ = generation;
      return wanted_;
    };
    EXPECT_TRUE(disk_.fs()->CreateDirectories(storage::kTarget).ok());
    receiver_ = std::make_unique<SnapshotReceiver>(std::move(env));
  }
  void Run() { world_.RunUntil(world_.now() + seconds(5)); }

  void SendHead(uint64_t stream, raft::NodeId from = kLeader, raft::Term term = raft::Term(1)) {
    SnapshotChunk head;
    head.stream = stream;
    head.term = term;
    head.manifest = storage::EncodeManifest(checkpoint_->manifest());
    receiver_->OnChunk(from, std::move(head));
  }
  // The piece at `at`, of up to `bytes`; the position after it.
  storage::SnapshotPosition SendPiece(uint64_t stream, storage::SnapshotPosition at,
                                      size_t bytes = 4096, bool damaged = false) {
    auto read = checkpoint_->Read(at, bytes);
    EXPECT_TRUE(read.ok()) << read.status();
    SnapshotChunk chunk;
    chunk.stream = stream;
    chunk.file = static_cast<uint32_t>(read->at.file);
    chunk.offset = read->at.offset;
    chunk.data = read->bytes;
    if (damaged) chunk.data[0] = static_cast<char>(chunk.data[0] ^ 1);
    receiver_->OnChunk(kLeader, std::move(chunk));
    return read->next;
  }
  void SendAll(uint64_t stream) {
    storage::SnapshotPosition at;
    while (at.file < checkpoint_->manifest().files.size()) at = SendPiece(stream, at);
    Run();
  }
  void SendOffer() {
    raft::SnapshotOffer offer;
    offer.meta.last = checkpoint_->manifest().id;
    raft::Message message;
    message.body = offer;
    receiver_->OnOffer(kLeader, std::move(message));
    Run();
  }

  storage::SnapshotWorld disk_{1};  // outlives what the world has queued
  sim::World world_{1};
  sim::SimLoop loop_{world_};
  sim::SimRunner runner_{loop_, world_.dice()};
  Logger logger_{LogLevel::kFatal, [](std::string_view) {}, [] { return std::string(); }};
  storage::OpenedStore store_ = disk_.Open(storage::kSender);
  std::shared_ptr<const storage::Checkpoint> checkpoint_;
  std::unique_ptr<SnapshotReceiver> receiver_;
  std::vector<SnapshotChunkAck> acks_;
  std::optional<uint64_t> generation_;
  bool wanted_ = true;
};

TEST_F(SnapshotReceiverTest, AWholeStateIsAckedSealedAndOffered) {
  SendHead(7);
  Run();
  ASSERT_EQ(acks_.size(), 1u);
  EXPECT_EQ(acks_[0].stream, 7u);
  EXPECT_EQ(acks_[0].received_bytes, 0u);
  SendAll(7);
  EXPECT_EQ(acks_.back().received_bytes, checkpoint_->manifest().total_bytes());
  EXPECT_FALSE(generation_.has_value()) << "nobody has offered it";
  SendOffer();
  ASSERT_TRUE(generation_.has_value());
  EXPECT_EQ(acks_.back().state, State::kContinue) << "it is not installed yet";
  receiver_->Installed();
  EXPECT_EQ(acks_.back().state, State::kInstalled);
}

TEST_F(SnapshotReceiverTest, AStateThatTheCoreDoesNotWantIsAckedAsThere) {
  wanted_ = false;
  SendHead(7);
  Run();
  SendAll(7);
  SendOffer();
  ASSERT_TRUE(generation_.has_value());
  EXPECT_EQ(acks_.back().state, State::kInstalled);
  const auto left = disk_.fs()->Exists(storage::GenerationDir(storage::kTarget, *generation_));
  ASSERT_TRUE(left.ok());
  EXPECT_FALSE(*left);
}

TEST_F(SnapshotReceiverTest, AnOfferBeforeTheLastByteIsIgnored) {
  SendHead(7);
  Run();
  SendPiece(7, {}, 100);
  Run();
  SendOffer();
  EXPECT_FALSE(generation_.has_value());
}

TEST_F(SnapshotReceiverTest, ADamagedFileIsAskedForAgain) {
  SendHead(7);
  Run();
  storage::SnapshotPosition at;
  bool first = true;
  while (at.file == 0) {
    at = SendPiece(7, at, 512, std::exchange(first, false));
    Run();
  }
  EXPECT_EQ(acks_.back().state, State::kContinue);
  EXPECT_EQ(acks_.back().received_bytes, 0u) << "from its beginning";
  SendAll(7);
  EXPECT_EQ(acks_.back().received_bytes, checkpoint_->manifest().total_bytes());
}

TEST_F(SnapshotReceiverTest, ANewTransferReplacesTheOldOneAndKeepsCompleteFiles) {
  SendHead(7);
  Run();
  storage::SnapshotPosition at;
  while (at.file == 0) at = SendPiece(7, at);
  SendHead(8);
  Run();
  EXPECT_EQ(acks_.back().stream, 8u);
  EXPECT_EQ(acks_.back().received_bytes, checkpoint_->manifest().files[0].size);
  const size_t acks = acks_.size();
  SendPiece(7, at);
  Run();
  EXPECT_EQ(acks_.size(), acks) << "of the transfer that is over";
}

TEST_F(SnapshotReceiverTest, ALateLeaderOfThePastReplacesNothing) {
  SendHead(8, kNextLeader, raft::Term(2));
  Run();
  ASSERT_EQ(acks_.size(), 1u);
  SendHead(7, kLeader, raft::Term(1));
  Run();
  EXPECT_EQ(acks_.size(), 1u);
  SendHead(9, kLeader, raft::Term(3));
  Run();
  EXPECT_EQ(acks_.back().stream, 9u) << "it leads again";
}

TEST_F(SnapshotReceiverTest, AFullDiskRefusesAndLeavesNothingBehind) {
  SendHead(7);
  Run();
  disk_.disk().SetCapacity(disk_.disk().UsedBytes());
  SendAll(7);
  EXPECT_EQ(acks_.back().state, State::kRefused);
  const auto left = disk_.fs()->Exists(storage::IncomingDir(storage::kTarget));
  ASSERT_TRUE(left.ok());
  EXPECT_FALSE(*left);
}

}  // namespace
}  // namespace keelson::server
