#include "server/node/snapshot_receiver.h"

#include <utility>

#include "base/view.h"
#include "storage/snapshot/install.h"

namespace keelson::server {
namespace {

constexpr std::string_view kCaller = "server/node";

}  // namespace

SnapshotReceiver::SnapshotReceiver(Environment environment) : env_(std::move(environment)) {}

uint64_t SnapshotReceiver::ReceivedBytes() const {
  uint64_t bytes = 0;
  const storage::SnapshotPosition next = receiver_->next();
  for (uint64_t i = 0; i < next.file; ++i) bytes += receiver_->manifest().files[i].size;
  return bytes + next.offset;
}

void SnapshotReceiver::Ack(SnapshotChunkAck::State state, const std::string& reason) {
  SnapshotChunkAck ack;
  ack.stream = stream_;
  ack.state = state;
  ack.reason = reason;
  if (receiver_ != nullptr) ack.received_bytes = ReceivedBytes();
  env_.send(from_, std::move(ack));
}

void SnapshotReceiver::Refuse(const absl::Status& why) {
  Ack(SnapshotChunkAck::State::kRefused, std::string(ToStd(why.message())));
  Drop();
  if (!absl::IsResourceExhausted(why)) return;
  // What was staged must not keep a full disk full. The next transfer begins anew.
  job_out_ = true;
  env_.runner->Run(
      Runner::Lane::kStore,
      [fs = env_.fs, root = env_.root] { fs->RemoveAll(storage::IncomingDir(root)).IgnoreError(); },
      [this, alive = std::weak_ptr<char>(alive_)] {
        if (alive.expired()) return;
        job_out_ = false;
        if (!pending_manifest_.empty()) Begin();
      });
}

void SnapshotReceiver::Drop() {
  receiver_.reset();
  chunks_.clear();
  pending_manifest_.clear();
  offered_ = false;
}

void SnapshotReceiver::OnChunk(raft::NodeId from, SnapshotChunk chunk) {
  if (installing_) return;
  if (!chunk.manifest.empty()) {
    // Of a leader of the past: it has ended the transfer, or hears soon that it may.
    if (chunk.term < term_) return;
    Drop();
    from_ = from;
    term_ = chunk.term;
    stream_ = chunk.stream;
    pending_manifest_ = std::move(chunk.manifest);
    if (!job_out_) Begin();
    return;
  }
  if (from != from_ || chunk.stream != stream_ || !pending_manifest_.empty()) return;
  chunks_.push_back(std::move(chunk));
  WriteNext();
}

void SnapshotReceiver::Begin() {
  auto manifest = storage::DecodeManifest(std::exchange(pending_manifest_, {}));
  if (!manifest.ok()) {
    return Ack(SnapshotChunkAck::State::kRefused, std::string(ToStd(manifest.status().message())));
  }
  env_.logger->Info(kCaller, "receiving database snapshot",
                    {{"from", Hex(from_.value())},
                     {"index", manifest->id.index.value()},
                     {"bytes", manifest->total_bytes()}});
  using Made = absl::StatusOr<std::unique_ptr<storage::SnapshotReceiver>>;
  auto made = std::make_shared<Made>(absl::UnknownError("not begun"));
  job_out_ = true;
  env_.runner->Run(
      Runner::Lane::kStore,
      [made, fs = env_.fs, root = env_.root, manifest = *std::move(manifest)] {
        *made = storage::SnapshotReceiver::Begin(fs, root, manifest);
      },
      [this, alive = std::weak_ptr<char>(alive_), made] {
        if (alive.expired()) return;
        job_out_ = false;
        if (!pending_manifest_.empty()) return Begin();
        if (!made->ok()) return Refuse(made->status());
        receiver_ = ReceiverPtr(*std::move(*made));
        Ack(SnapshotChunkAck::State::kContinue);
      });
}

void SnapshotReceiver::WriteNext() {
  if (job_out_ || chunks_.empty() || receiver_ == nullptr) return;
  auto chunk = std::make_shared<SnapshotChunk>(std::move(chunks_.front()));
  chunks_.pop_front();
  auto status = std::make_shared<absl::Status>();
  job_out_ = true;
  env_.runner->Run(
      Runner::Lane::kStore,
      [status, chunk, receiver = receiver_] {
        const storage::SnapshotPosition at{chunk->file, chunk->offset};
        // What was sent before the sender heard of a step back.
        if (at == receiver->next()) *status = receiver->Write(at, chunk->data);
      },
      [this, alive = std::weak_ptr<char>(alive_), status, written = receiver_] {
        if (alive.expired()) return;
        job_out_ = false;
        if (!pending_manifest_.empty()) return Begin();
        if (receiver_ != written) return;
        const bool again = status->message().find(storage::kChecksumText) != std::string::npos;
        if (!status->ok() && !again) return Refuse(*status);
        Ack(SnapshotChunkAck::State::kContinue);
        WriteNext();
      });
}

void SnapshotReceiver::OnOffer(raft::NodeId from, raft::Message offer) {
  const auto& meta = std::get<raft::SnapshotOffer>(offer.body).meta;
  if (installing_ || offered_ || receiver_ == nullptr || from != from_) return;
  if (job_out_ || !receiver_->complete() || meta.last != receiver_->manifest().id) return;
  offer_ = std::move(offer);
  offered_ = true;
  Seal();
}

void SnapshotReceiver::Seal() {
  auto generation = std::make_shared<absl::StatusOr<uint64_t>>(absl::UnknownError("not sealed"));
  job_out_ = true;
  env_.runner->Run(
      Runner::Lane::kStore,
      [generation, receiver = receiver_] { *generation = storage::SealReceived(*receiver); },
      [this, alive = std::weak_ptr<char>(alive_), generation] {
        if (alive.expired()) return;
        job_out_ = false;
        Sealed(*generation);
      });
}

void SnapshotReceiver::Sealed(const absl::StatusOr<uint64_t>& generation) {
  if (!generation.ok()) {
    if (offered_) Refuse(generation.status());
  } else if (offered_ && env_.offer(from_, std::move(offer_), *generation)) {
    installing_ = true;
    return;
  } else {
    // The core has gone on without it, or another transfer has begun.
    env_.runner->Run(
        Runner::Lane::kStore,
        [fs = env_.fs, root = env_.root, number = *generation] {
          (void)storage::ReleaseGeneration(fs, root, number);
        },
        [] {});
    if (offered_) {
      Ack(SnapshotChunkAck::State::kInstalled);
      Drop();
    }
  }
  if (!pending_manifest_.empty()) Begin();
}

void SnapshotReceiver::Installed() {
  installing_ = false;
  Ack(SnapshotChunkAck::State::kInstalled);
  Drop();
}

}  // namespace keelson::server
