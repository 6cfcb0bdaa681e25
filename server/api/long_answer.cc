#include "server/api/long_answer.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "server/api/pair_encoding.h"
#include "storage/mvcc/read_view.h"

namespace keelson::server {
namespace {

// One slice: short, so that whoever else needs the processor gets it soon.
constexpr storage::SliceBudget kSlice{.max_keys = 4096, .max_bytes = 240 << 10, .max_micros = 2000};

// gRPC's clients take no larger message.
constexpr size_t kMaxMessageBytes = INT32_MAX;

}  // namespace

// What one slice brought.
struct LongAnswer::Slice {
  bool measured = false;
  AnswerSource::Part part;
  absl::Status status;
};

LongAnswer::LongAnswer(Loop& loop, Runner& runner, std::shared_ptr<Call> call,
                       std::unique_ptr<AnswerSource> source,
                       const etcdserverpb::ResponseHeader& header, Hooks hooks)
    : loop_(loop),
      runner_(runner),
      slow_client_(loop),
      on_read_(std::move(hooks.on_read)),
      began_(loop.Now()),
      call_(std::move(call)),
      source_(std::move(source)),
      head_(HeaderField(header)) {
  slow_client_.SetCompacted(std::move(hooks.compacted));
}

void LongAnswer::Start(Loop& loop, Runner& runner, std::shared_ptr<Call> call,
                       std::unique_ptr<AnswerSource> source,
                       const etcdserverpb::ResponseHeader& header, Hooks hooks) {
  const std::shared_ptr<LongAnswer> answer(
      new LongAnswer(loop, runner, std::move(call), std::move(source), header, std::move(hooks)));
  answer->Listen();
  answer->RunSlice();
}

// The call holds the answer through its events, the answer its call: until one of them ends it.
void LongAnswer::Listen() {
  Call::Events events;
  events.on_end = [self = shared_from_this()] {
    self->call_ = nullptr;
    self->LetGo();
  };
  events.on_writable = [self = shared_from_this()] { self->OnWritable(); };
  call_->SetEvents(std::move(events));
}

void LongAnswer::RunSlice() {
  KEELSON_CHECK(!running_, "one slice at a time");
  if (call_ == nullptr) return;  // it ended while its events were set
  running_ = true;
  auto slice = std::make_shared<Slice>();
  runner_.Run(
      Runner::Lane::kRead,
      [slice, source = source_, measure = !size_known_] {
        if (measure) {
          const auto measured = source->Measure(kSlice);
          slice->status = measured.status();
          slice->measured = measured.ok() && *measured;
        } else {
          auto part = source->NextPart(kSlice);
          slice->status = part.status();
          if (part.ok()) slice->part = *std::move(part);
        }
      },
      [self = shared_from_this(), slice] {
        self->running_ = false;
        if (self->call_ == nullptr) return self->LetGo();
        self->AfterSlice(*slice);
      });
}

void LongAnswer::AfterSlice(Slice& slice) {
  if (!slice.status.ok()) return End(slice.status);
  if (!size_known_) {
    if (!slice.measured) return RunSlice();
    if (const auto status = TakeSize(); !status.ok()) return End(status);
    return RunSlice();
  }
  KEELSON_CHECK(slice.part != nullptr, "the parts make up the size");
  if (!slice.part->empty() || !begun_) SendPart(std::move(slice.part));
  if (call_ == nullptr) return LetGo();
  if (left_ == 0) return End(absl::OkStatus());
  if (call_->pending_bytes() > Call::kHighWater) {
    return slow_client_.Wait(weak_from_this(), [this](const absl::Status& stuck) { End(stuck); });
  }
  RunSlice();
}

absl::Status LongAnswer::TakeSize() {
  size_known_ = true;
  if (on_read_) on_read_(loop_.Now() - began_);
  left_ = head_.size() + source_->size();
  if (left_ <= kMaxMessageBytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("grpc: trying to send message larger than max (",
                                                   left_, " vs. ", kMaxMessageBytes, ")"));
}

void LongAnswer::SendPart(AnswerSource::Part part) {
  begun_ = true;
  SharedBody body{std::exchange(head_, {}), std::move(part)};
  KEELSON_CHECK(body.size() <= left_, "the parts make up the size");
  left_ -= body.size();
  call_->SendPart(std::move(body), left_);
}

void LongAnswer::OnWritable() {
  if (!slow_client_.Resume()) return;
  if (slow_client_.KeepsTooMuch()) return End(storage::CompactedError());
  RunSlice();
}

void LongAnswer::End(const absl::Status& status) {
  std::exchange(call_, nullptr)->Finish(status);
  LetGo();
}

// Lets the source go where its work is done: freeing much takes time.
void LongAnswer::LetGo() {
  slow_client_.Stop();
  if (running_ || source_ == nullptr) return;
  runner_.Run(
      Runner::Lane::kRead, [source = std::move(source_)] {}, [] {});
}

}  // namespace keelson::server
