#include "server/rpc/connection.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "server/rpc/http1_session.h"
#include "server/rpc/http2_session.h"

namespace keelson::server {
namespace {

constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// What one connection writes in a turn before others have theirs.
constexpr size_t kWriteBudget = 512 << 10;

// How long the last bytes may take to leave, and then how long we listen to nothing.
constexpr std::chrono::seconds kLastWriteTime{30};
constexpr std::chrono::seconds kLingerTime{2};
constexpr size_t kLingerBytes = 4 << 20;

}  // namespace

Connection::Connection(SessionContext& context, ConnectionHost& host,
                       std::shared_ptr<Transport> transport)
    : context_(context), host_(host), transport_(std::move(transport)), out_(context.blocks) {}

Connection::~Connection() { Close(); }

void Connection::Start() {
  transport_->SetListener(this);
  context_.deadlines.Set(*this, context_.Now() + context_.options.preface_timeout);
  ArmRead();
}

void Connection::Wake() {
  if (dirty_ || state_ != State::kServing) return;
  dirty_ = true;
  host_.MarkDirty(*this);
}

void Connection::OnBytes(std::string_view bytes) {
  reading_ = false;
  if (state_ == State::kLingering) {
    lingered_bytes_ += bytes.size();
    if (lingered_bytes_ > kLingerBytes) return Close();
    return ArmRead();
  }
  if (state_ == State::kSniffing && !Sniff(&bytes)) return ArmRead();
  session_->Receive(bytes);
  sniffed_.clear();
  session_->Run();
  // Reading goes on after the flush: what arrives until then is read with one call.
  Wake();
}

// False while the protocol is unknown. Else the session exists and `*bytes` is what to give it.
bool Connection::Sniff(std::string_view* bytes) {
  sniffed_.append(*bytes);
  const size_t common = std::min(sniffed_.size(), kHttp2Preface.size());
  const bool maybe_http2 = kHttp2Preface.substr(0, common) == sniffed_.substr(0, common);
  if (maybe_http2 && common < kHttp2Preface.size()) return false;
  context_.deadlines.Clear(*this);
  state_ = State::kServing;
  if (maybe_http2) {
    session_ = std::make_unique<Http2Session>(context_, *this, transport_->peer());
  } else {
    session_ = std::make_unique<Http1Session>(context_, *this, transport_->peer());
  }
  if (draining_) session_->Drain();
  *bytes = sniffed_;
  return true;
}

void Connection::OnEof() {
  reading_ = false;
  eof_ = true;
  if (state_ == State::kLingering && !out_.empty()) return;
  if (state_ != State::kServing) return Close();
  session_->ReceiveEof();
  session_->Run();
  Wake();
}

void Connection::OnBroken() { Close(); }

void Connection::OnWritable() {
  write_blocked_ = false;
  if (state_ == State::kLingering) {
    WriteOutput();
    if (out_.empty()) AwaitPeerClose();
    return;
  }
  Wake();
}

void Connection::Flush() {
  if (state_ != State::kServing) {
    dirty_ = false;
    return;
  }
  session_->Run();
  dirty_ = false;
  WriteOutput();
  // What the write set free: room on streams, streams that ended.
  session_->Run();
  if (session_->finished()) return BeginLinger();
  if (!write_blocked_ && session_->wants_write()) Wake();
  ArmRead();
}

void Connection::WriteOutput() {
  if (write_blocked_) return;
  if (session_ && out_.empty()) session_->Produce(out_, kWriteBudget);
  if (!out_.empty()) write_blocked_ = !transport_->Write(out_);
}

void Connection::ArmRead() {
  if (reading_ || eof_ || state_ == State::kClosed) return;
  if (state_ == State::kServing && !session_->wants_read()) return;
  reading_ = true;
  transport_->ReadOnce();
}

void Connection::BeginLinger() {
  session_->Abort();
  session_.reset();
  state_ = State::kLingering;
  if (out_.empty()) return AwaitPeerClose();
  context_.deadlines.Set(*this, context_.Now() + kLastWriteTime);
  ArmRead();
}

void Connection::AwaitPeerClose() {
  if (eof_) return Close();
  context_.deadlines.Set(*this, context_.Now() + kLingerTime);
  transport_->ShutdownWrite();
  ArmRead();
}

void Connection::Drain() {
  draining_ = true;
  if (state_ == State::kSniffing) return Close();
  if (state_ != State::kServing) return;
  session_->Drain();
  Wake();
}

void Connection::OnDeadline() { Close(); }

void Connection::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  context_.deadlines.Clear(*this);
  transport_->SetListener(nullptr);
  transport_->Close();
  out_.Clear();
  if (session_) session_->Abort();
  host_.OnClosed(*this);
}

}  // namespace keelson::server
