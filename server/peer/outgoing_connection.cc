#include "server/peer/outgoing_connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"

namespace keelson::server {

OutgoingConnection::OutgoingConnection(AsioLoop& loop, Owner& owner, Random random,
                                       const PeerTransportOptions& options, raft::NodeId peer,
                                       PeerChannel channel)
    : loop_(loop),
      owner_(owner),
      random_(std::move(random)),
      options_(options),
      peer_(peer),
      channel_(channel),
      backoff_(options.min_backoff) {}

void OutgoingConnection::Start(std::vector<PeerUrl> urls) {
  KEELSON_CHECK(state_ == State::kStopped, "a connection starts once");
  SetUrls(std::move(urls));
  Dial();
}

void OutgoingConnection::SetUrls(std::vector<PeerUrl> urls) {
  KEELSON_CHECK(!urls.empty(), "a peer has a URL");
  if (urls == urls_) return;
  urls_ = std::move(urls);
  next_url_ = 0;
  DialNow();
}

void OutgoingConnection::Stop() {
  Reset();
  state_ = State::kStopped;
}

void OutgoingConnection::DialNow() {
  if (state_ != State::kWaiting) return;
  backoff_ = options_.min_backoff;
  loop_.Cancel(timer_);
  Dial();
}

void OutgoingConnection::Dial() {
  state_ = State::kDialling;
  const PeerUrl& url = urls_[next_url_++ % urls_.size()];
  dialer_ = std::make_shared<Dialer>(loop_, options_.dead_after);
  dialer_->Start(url, options_.connect_timeout,
                 [self = shared_from_this()](absl::StatusOr<std::unique_ptr<PeerStream>> stream) {
                   self->OnStream(std::move(stream));
                 });
}

void OutgoingConnection::OnStream(absl::StatusOr<std::unique_ptr<PeerStream>> stream) {
  dialer_ = nullptr;
  if (!stream.ok()) {
    ++stats_.failed_dials;
    return Break();
  }
  state_ = State::kGreeting;
  stream_ = *std::move(stream);
  reader_ = std::make_unique<FrameReader>();
  timer_ = loop_.After(options_.handshake_timeout, [this] { Break(); });
  offer_ = owner_.OfferTo(peer_, channel_);
  const std::string bytes = EncodeHandshake(offer_);
  const std::string_view piece = bytes;
  std::error_code error;
  // The first bytes on a new connection fit into the kernel's buffer.
  if (stream_->Write(absl::MakeConstSpan(&piece, 1), error) != bytes.size()) return Break();
  ReadMore();
}

void OutgoingConnection::ReadMore() {
  // After the handshake nothing is expected; reading is how the end of the connection is noticed.
  stream_->Read(reader_->Space(),
                [self = shared_from_this(), stream = stream_](std::error_code error, size_t bytes) {
                  if (self->stream_ != stream) return;
                  self->loop_.Stage("peer connection");
                  self->OnRead(error, bytes);
                });
}

void OutgoingConnection::OnRead(const std::error_code& error, size_t bytes) {
  if (error || state_ == State::kOpen) return Break();
  reader_->Filled(bytes);
  const absl::StatusOr<ParsedHandshake> answer = ParseHandshake(reader_->buffered());
  if (!answer.ok()) return Break();
  if (answer->bytes > 0) {
    reader_->Consume(answer->bytes);
    if (!reader_->buffered().empty()) return Break();
    OnAnswer(answer->message);
  }
  if (stream_ != nullptr) ReadMore();
}

void OutgoingConnection::OnAnswer(const v1::PeerHandshake& answer) {
  const HandshakeVerdict verdict = owner_.OnAnswer(offer_, answer);
  if (state_ != State::kGreeting) return;  // the owner stopped it
  if (!verdict.ok()) return Break();
  Open(verdict.hello);
}

void OutgoingConnection::Open(const PeerHello& hello) {
  loop_.Cancel(timer_);
  state_ = State::kOpen;
  hello_ = hello;
  opened_at_ = loop_.Now();
  writable_ = true;
  owner_.OnOpen(*this, hello);
}

void OutgoingConnection::Break() {
  if (state_ == State::kStopped) return;
  const std::shared_ptr<OutgoingConnection> alive = shared_from_this();
  const bool was_open = open();
  // A connection that is accepted and cut at once must not be dialled in a tight circle.
  if (was_open && loop_.Now() - opened_at_ >= options_.max_backoff) {
    backoff_ = options_.min_backoff;
  }
  Reset();
  state_ = State::kWaiting;
  timer_ = loop_.After(NextBackoff(), [this] { Dial(); });
  owner_.OnBroken(*this, was_open);
}

void OutgoingConnection::Reset() {
  loop_.Cancel(timer_);
  if (dialer_ != nullptr) dialer_->Cancel();
  dialer_ = nullptr;
  if (stream_ != nullptr) stream_->Close();
  stream_ = nullptr;
  stats_.frames_dropped += queued_frames_;
  queued_frames_ = 0;
  queue_.Clear();
}

Duration OutgoingConnection::NextBackoff() {
  const auto half = static_cast<uint64_t>(backoff_.count() / 2);
  const Duration delay(static_cast<int64_t>(half + random_() % (half + 1)));
  backoff_ = std::min(backoff_ * 2, options_.max_backoff);
  return delay;
}

size_t OutgoingConnection::QueueLimit() const {
  switch (channel_) {
    case PeerChannel::kUrgent:
      return options_.urgent_queue_bytes;
    case PeerChannel::kBulk:
      return options_.bulk_queue_bytes;
    case PeerChannel::kSnapshot:
      return options_.snapshot_queue_bytes;
  }
  KEELSON_CHECK(false, "every channel has a limit");
}

bool OutgoingConnection::Send(PeerMessage message) {
  const size_t before = queue_.bytes();
  // A full queue takes no more; one message may pass the limit, so that any message fits once.
  if (!open() || before >= QueueLimit() || !EncodeFrame(std::move(message), queue_)) {
    ++stats_.frames_dropped;
    return false;
  }
  ++stats_.frames_sent;
  ++queued_frames_;
  return true;
}

bool OutgoingConnection::SendProbe(const PeerProbe& probe) {
  if (!open() || queue_.bytes() >= QueueLimit()) return false;
  EncodeProbe(probe, queue_);
  ++stats_.frames_sent;
  ++queued_frames_;
  return true;
}

void OutgoingConnection::Flush() {
  while (open() && writable_ && !queue_.empty()) {
    std::array<std::string_view, kMaxWritePieces> pieces;
    const size_t count = queue_.Pieces(absl::MakeSpan(pieces));
    std::error_code error;
    const size_t written = stream_->Write(absl::MakeConstSpan(pieces.data(), count), error);
    if (error) return Break();
    queue_.Consume(written);
    stats_.bytes_sent += written;
    if (queue_.empty()) queued_frames_ = 0;
    if (written > 0) continue;
    writable_ = false;
    stream_->WhenWritable([self = shared_from_this(), stream = stream_](std::error_code failed) {
      if (self->stream_ != stream) return;
      self->loop_.Stage("peer write");
      if (failed) return self->Break();
      self->writable_ = true;
      self->Flush();
    });
  }
}

}  // namespace keelson::server
