#include "server/peer/incoming_connection.h"

#include <utility>

namespace keelson::server {

IncomingConnection::IncomingConnection(AsioLoop& loop, Owner& owner,
                                       std::unique_ptr<PeerStream> stream)
    : loop_(loop), owner_(owner), stream_(std::move(stream)) {}

IncomingConnection::~IncomingConnection() = default;

void IncomingConnection::Start(Duration handshake_timeout) {
  timer_ = loop_.After(handshake_timeout,
                       [this] { End(absl::DeadlineExceededError("no peer handshake in time")); });
  ReadMore();
}

void IncomingConnection::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  loop_.Cancel(timer_);
  stream_->Close();
}

void IncomingConnection::End(absl::Status why) {
  if (state_ == State::kClosed) return;
  const std::shared_ptr<IncomingConnection> alive = shared_from_this();
  Close();
  owner_.OnEnd(*this, why);
}

void IncomingConnection::ReadMore() {
  stream_->Read(reader_.Space(), [self = shared_from_this()](std::error_code error, size_t bytes) {
    if (self->state_ == State::kClosed) return;
    self->loop_.Stage("peer read");
    self->OnRead(error, bytes);
  });
}

void IncomingConnection::OnRead(const std::error_code& error, size_t bytes) {
  if (error) return End(absl::UnavailableError(error.message()));
  reader_.Filled(bytes);
  bytes_received_ += bytes;
  absl::Status status = absl::OkStatus();
  if (state_ == State::kGreeting) status = Greet();
  if (status.ok() && state_ == State::kOpen) status = DeliverFrames();
  if (!status.ok()) return End(std::move(status));
  if (state_ != State::kClosed) ReadMore();
}

absl::Status IncomingConnection::Greet() {
  const absl::StatusOr<ParsedHandshake> offer = ParseHandshake(reader_.buffered());
  if (!offer.ok()) return offer.status();
  if (offer->bytes == 0) return absl::OkStatus();
  reader_.Consume(offer->bytes);
  loop_.Cancel(timer_);
  v1::PeerHandshake answer;
  verdict_ = owner_.OnOffer(offer->message, answer);
  // The first bytes on a new connection fit into the kernel's buffer.
  const std::string bytes = EncodeHandshake(answer);
  const std::string_view piece = bytes;
  std::error_code error;
  const size_t written = stream_->Write(absl::MakeConstSpan(&piece, 1), error);
  if (verdict_.inquiry) return absl::CancelledError("asked for the members");
  if (!verdict_.ok()) return absl::PermissionDeniedError("refused");
  if (written != bytes.size()) return absl::UnavailableError("the answer could not be sent");
  state_ = State::kOpen;
  owner_.OnOpen(*this);
  return absl::OkStatus();
}

absl::Status IncomingConnection::DeliverFrames() {
  while (state_ == State::kOpen) {
    const absl::StatusOr<std::string_view> frame = reader_.NextFrame();
    if (!frame.ok()) return frame.status();
    if (frame->empty()) break;
    absl::Status status = owner_.OnFrame(*this, *frame);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace keelson::server
