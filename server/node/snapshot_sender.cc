#include "server/node/snapshot_sender.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/view.h"

namespace keelson::server {
namespace {

constexpr std::string_view kCaller = "server/node";

// The place of byte `at` of the stream, which is all files one after the other.
storage::SnapshotPosition PositionOf(const storage::SnapshotManifest& manifest, uint64_t at) {
  storage::SnapshotPosition position;
  for (const storage::SnapshotFile& file : manifest.files) {
    if (at < file.size) {
      position.offset = at;
      return position;
    }
    at -= file.size;
    ++position.file;
  }
  return position;
}

}  // namespace

SnapshotSender::SnapshotSender(Environment environment, Limits limits)
    : env_(std::move(environment)), limits_(limits), last_stream_(env_.boot_id) {}

SnapshotSender::~SnapshotSender() = default;

SnapshotSender::Transfer* SnapshotSender::Find(raft::NodeId peer, uint64_t stream) {
  const auto found = transfers_.find(peer);
  return found == transfers_.end() || found->second.stream != stream ? nullptr : &found->second;
}

void SnapshotSender::Send(raft::NodeId peer, raft::Index at_least) {
  if (transfers_.contains(peer)) return;
  Transfer& transfer = transfers_[peer];
  transfer.stream = ++last_stream_;
  transfer.at_least = at_least;
  transfer.last_progress = env_.loop->Now();
  const auto retry = retry_at_.find(peer);
  if (retry == retry_at_.end() || retry->second <= transfer.last_progress) {
    return Begin(peer, transfer.stream);
  }
  env_.loop->After(retry->second - transfer.last_progress,
                   [this, alive = std::weak_ptr<char>(alive_), peer, stream = transfer.stream] {
                     if (!alive.expired()) Begin(peer, stream);
                   });
}

void SnapshotSender::Begin(raft::NodeId peer, uint64_t stream) {
  const Transfer* transfer = Find(peer, stream);
  if (transfer == nullptr) return;
  if (!env_.connected(peer)) return End(peer, false, "not connected");
  if (kept_ != nullptr && kept_->manifest().id.index >= transfer->at_least) {
    return OnCheckpoint(peer, stream, kept_);
  }
  env_.checkpoint([this, alive = std::weak_ptr<char>(alive_), peer,
                   stream](absl::StatusOr<CheckpointPtr> made) {
    if (alive.expired()) return;
    if (made.ok()) {
      DropKept();
      kept_ = *made;
      kept_until_ = env_.loop->Now() + limits_.keep_checkpoint;
    }
    OnCheckpoint(peer, stream, std::move(made));
  });
}

void SnapshotSender::DropKept() {
  if (kept_ == nullptr) return;
  // The last one who holds it removes its files.
  env_.runner->Run(
      Runner::Lane::kStore, [kept = std::exchange(kept_, nullptr)] {}, [] {});
}

void SnapshotSender::OnCheckpoint(raft::NodeId peer, uint64_t stream,
                                  absl::StatusOr<CheckpointPtr> made) {
  Transfer* transfer = Find(peer, stream);
  if (transfer == nullptr) return;
  if (!made.ok()) return End(peer, false, std::string(ToStd(made.status().message())));
  const storage::SnapshotManifest& manifest = (*made)->manifest();
  if (manifest.id.index < transfer->at_least) return End(peer, false, "the state is too old");
  auto offer = env_.offer(peer, manifest);
  if (!offer.ok()) return End(peer, false, std::string(ToStd(offer.status().message())));
  transfer->checkpoint = *std::move(made);
  transfer->offer = *std::move(offer);
  transfer->total = manifest.total_bytes();
  transfer->last_progress = env_.loop->Now();
  SnapshotChunk head;
  head.stream = stream;
  head.snapshot = manifest.id;
  head.term = env_.term();
  head.manifest = storage::EncodeManifest(manifest);
  if (!env_.send(peer, std::move(head))) return End(peer, false, "not connected");
  env_.logger->Info(kCaller, "sending database snapshot",
                    {{"to", Hex(peer.value())},
                     {"index", manifest.id.index.value()},
                     {"bytes", transfer->total}});
}

void SnapshotSender::OnAck(raft::NodeId from, const SnapshotChunkAck& ack) {
  Transfer* transfer = Find(from, ack.stream);
  if (transfer == nullptr) return;
  if (ack.state == SnapshotChunkAck::State::kRefused) return End(from, false, ack.reason);
  if (ack.state == SnapshotChunkAck::State::kInstalled) return End(from, true, "");
  if (ack.received_bytes > transfer->total) return End(from, false, "a wrong acknowledgement");
  transfer->last_progress = env_.loop->Now();
  if (!transfer->begun || ack.received_bytes < transfer->acked) {
    transfer->sent = ack.received_bytes;
    transfer->offered = false;
  }
  transfer->begun = true;
  transfer->acked = ack.received_bytes;
  Continue(from);
}

void SnapshotSender::Continue(raft::NodeId peer) {
  Transfer& transfer = transfers_.at(peer);
  if (!transfer.begun || transfer.reading || transfer.waiting) return;
  if (transfer.acked == transfer.total) {
    if (!std::exchange(transfer.offered, true)) {
      raft::Message offer = transfer.offer;
      if (!env_.send(peer, std::move(offer))) End(peer, false, "not connected");
    }
    return;
  }
  if (transfer.sent >= transfer.total || transfer.sent - transfer.acked >= limits_.window_bytes) {
    return;
  }
  const uint64_t stream = transfer.stream;
  const auto alive = std::weak_ptr<char>(alive_);
  const Instant now = env_.loop->Now();
  if (now < transfer.not_before) {
    transfer.waiting = true;
    env_.loop->After(transfer.not_before - now, [this, alive, peer, stream] {
      if (alive.expired() || Find(peer, stream) == nullptr) return;
      transfers_.at(peer).waiting = false;
      Continue(peer);
    });
    return;
  }
  transfer.reading = true;
  using Read = absl::StatusOr<storage::Checkpoint::Chunk>;
  auto result = std::make_shared<Read>(absl::UnknownError("not read"));
  const auto at = PositionOf(transfer.checkpoint->manifest(), transfer.sent);
  env_.runner->Run(
      Runner::Lane::kStore,
      [result, checkpoint = transfer.checkpoint, at, bytes = limits_.chunk_bytes] {
        *result = checkpoint->Read(at, bytes);
      },
      [this, alive, result, peer, stream] {
        if (!alive.expired()) SendRead(peer, stream, *result);
      });
}

void SnapshotSender::SendRead(raft::NodeId peer, uint64_t stream,
                              const absl::StatusOr<storage::Checkpoint::Chunk>& chunk) {
  Transfer* transfer = Find(peer, stream);
  if (transfer == nullptr) return;
  transfer->reading = false;
  if (!chunk.ok()) return End(peer, false, std::string(ToStd(chunk.status().message())));
  const auto expected = PositionOf(transfer->checkpoint->manifest(), transfer->sent);
  if (chunk->at != expected) return Continue(peer);  // the receiver asked for an earlier place
  SnapshotChunk message;
  message.stream = stream;
  message.snapshot = transfer->checkpoint->manifest().id;
  message.term = env_.term();
  message.file = static_cast<uint32_t>(chunk->at.file);
  message.offset = chunk->at.offset;
  message.data = chunk->bytes;
  const uint64_t size = message.data.size();
  message.last = transfer->sent + size == transfer->total;
  if (!env_.send(peer, std::move(message))) return End(peer, false, "not connected");
  transfer->sent += size;
  const auto pause = std::chrono::nanoseconds(size * 1000000000 / limits_.bytes_per_second);
  transfer->not_before = std::max(transfer->not_before, env_.loop->Now()) + pause;
  Continue(peer);
}

void SnapshotSender::OnClosed(raft::NodeId peer) {
  if (transfers_.contains(peer)) End(peer, false, "the connection closed");
}

void SnapshotSender::EndReign() {
  transfers_.clear();
  retry_at_.clear();
}

void SnapshotSender::Tick() {
  const Instant now = env_.loop->Now();
  std::vector<raft::NodeId> stuck;
  for (const auto& [peer, transfer] : transfers_) {
    if (now - transfer.last_progress > limits_.no_progress) stuck.push_back(peer);
  }
  for (const raft::NodeId peer : stuck) End(peer, false, "no progress");
  if (kept_ != nullptr && now >= kept_until_) DropKept();
}

void SnapshotSender::End(raft::NodeId peer, bool ok, const std::string& why) {
  transfers_.erase(peer);
  if (ok) {
    ++sent_total_;
    retry_at_.erase(peer);
    env_.logger->Info(kCaller, "sent database snapshot", {{"to", Hex(peer.value())}});
  } else {
    retry_at_[peer] = env_.loop->Now() + limits_.retry_after;
    env_.logger->Warn(kCaller, "a database snapshot was not delivered",
                      {{"to", Hex(peer.value())}, {"why", why}});
  }
  env_.finished(peer, ok);
}

}  // namespace keelson::server
