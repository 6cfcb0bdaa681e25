#include "server/api/paced_stream.h"

#include <utility>

#include "base/check.h"
#include "storage/mvcc/read_view.h"

namespace keelson::server {

std::shared_ptr<PacedStream> PacedStream::Open(Loop& loop, Runner& runner,
                                               std::shared_ptr<Call> call) {
  std::shared_ptr<PacedStream> stream(new PacedStream(loop, runner, std::move(call)));
  stream->Listen();
  return stream;
}

void PacedStream::Listen() {
  Call::Events events;
  events.on_end = [self = shared_from_this()] {
    self->call_ = nullptr;
    self->LetGo();
  };
  events.on_writable = [self = shared_from_this()] { self->OnWritable(); };
  call_->SetEvents(std::move(events));
}

void PacedStream::Begin(std::unique_ptr<MessageSource> source, SlowClient::Compacted compacted) {
  KEELSON_CHECK(source_ == nullptr && source != nullptr, "a stream begins once");
  source_ = std::move(source);
  slow_client_.SetCompacted(std::move(compacted));
  if (call_ == nullptr) return LetGo();
  Make();
}

void PacedStream::Fail(const absl::Status& error) {
  if (call_ != nullptr) End(error);
}

void PacedStream::Make() {
  making_ = true;
  using Made = absl::StatusOr<MessageSource::Batch>;
  auto made = std::make_shared<Made>(absl::UnknownError("not made"));
  runner_.Run(
      Runner::Lane::kRead, [made, source = source_] { *made = source->Next(); },
      [self = shared_from_this(), made] {
        self->making_ = false;
        if (self->call_ == nullptr) return self->LetGo();
        self->SendAll(std::move(*made));
      });
}

void PacedStream::SendAll(absl::StatusOr<MessageSource::Batch> batch) {
  if (!batch.ok()) return End(batch.status());
  for (std::string& message : batch->messages) {
    if (call_ == nullptr) return LetGo();
    call_->Send({std::move(message), nullptr});
  }
  if (call_ == nullptr) return LetGo();
  if (batch->last) return End(absl::OkStatus());
  if (call_->pending_bytes() > Call::kHighWater) {
    return slow_client_.Wait(weak_from_this(), [this](const absl::Status& stuck) { End(stuck); });
  }
  Make();
}

void PacedStream::OnWritable() {
  if (!slow_client_.Resume()) return;
  if (slow_client_.KeepsTooMuch()) return End(storage::CompactedError());
  Make();
}

void PacedStream::End(const absl::Status& status) {
  std::exchange(call_, nullptr)->Finish(status);
  LetGo();
}

void PacedStream::LetGo() {
  slow_client_.Stop();
  if (making_ || source_ == nullptr) return;
  runner_.Run(
      Runner::Lane::kRead, [source = std::move(source_)] {}, [] {});
}

}  // namespace keelson::server
