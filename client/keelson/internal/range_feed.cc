#include "client/keelson/internal/range_feed.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/keelson/internal/convert.h"

namespace keelson::client::internal {
namespace {

size_t SizeOf(const KeyValue& kv) { return kv.key.size() + kv.value.size(); }

size_t SizeOf(const RangeFeed::Piece& piece) {
  size_t bytes = 0;
  for (const KeyValue& kv : piece.kvs) bytes += SizeOf(kv);
  return bytes;
}

}  // namespace

std::shared_ptr<RangeFeed> RangeFeed::Open(std::shared_ptr<Core> core, ViewPtr view,
                                           const RangeFeedOptions& options) {
  auto feed = std::make_shared<RangeFeed>(std::move(core), std::move(view), options);
  etcdserverpb::RangeRequest request = ToWire(options.range, options.get);
  // What was at a revision is the same at every member, so no quorum has to be asked.
  request.set_serializable(true);
  internal::Enter(*feed->view_, request);
  feed->core_->scheduler().Post(
      [feed, bytes = request.SerializeAsString()]() mutable { feed->Begin(std::move(bytes)); });
  return feed;
}

RangeFeed::RangeFeed(std::shared_ptr<Core> core, ViewPtr view, const RangeFeedOptions& options)
    : core_(std::move(core)),
      view_(std::move(view)),
      revision_(options.get.revision),
      max_pairs_(std::max<int64_t>(options.max_pairs, 1)),
      max_bytes_(options.max_bytes) {}

void RangeFeed::Begin(std::string request) {
  endpoint_ = core_->endpoints().Pick({}, core_->scheduler().Now());
  const auto self = shared_from_this();
  // A member that has not come to the revision yet waits for it.
  stream_ = core_->transport().OpenStream(
      {.endpoint = endpoint_,
       .method = "/etcdserverpb.KV/RangeStream",
       .metadata = {{"keelson-min-revision", absl::StrCat(revision_)}}},
      {.on_message = [self](const std::string& bytes) { self->OnMessage(bytes); },
       .on_end = [self](const CallEnd& end) { self->OnEnd(end); }});
  stream_->SendLast(std::move(request));
  Pull();
}

Future<RangeFeed::Piece> RangeFeed::Next(absl::Duration patience) {
  auto taker = std::make_shared<State>(core_->executor());
  core_->scheduler().Post(
      [self = shared_from_this(), taker, patience] { self->Serve(taker, patience); });
  return Future<Piece>(std::move(taker));
}

void RangeFeed::Serve(std::shared_ptr<State> taker, absl::Duration patience) {
  taker_ = std::move(taker);
  if (!ready_.empty()) return Hand();
  if (!over_.ok()) return Answer(over_);
  silence_ = core_->scheduler().After(patience, [self = shared_from_this()] {
    self->silence_ = Scheduler::kNoTimer;
    self->core_->endpoints().Failed(self->endpoint_, self->core_->scheduler().Now());
    self->GiveUp(absl::DeadlineExceededError("the member says nothing"));
  });
  taker_->cancellation()->OnRequest([weak = weak_from_this(), taker = std::weak_ptr(taker_)] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->core_->scheduler().Post([self, taker] {
      if (self->taker_ == nullptr || self->taker_ != taker.lock()) return;
      self->Answer(WithOutcome(absl::CancelledError("cancelled by its caller"), Outcome::kFailed));
    });
  });
}

void RangeFeed::Hand() {
  Piece piece = std::move(ready_.front());
  ready_.pop_front();
  ready_bytes_ -= SizeOf(piece);
  Pull();
  Answer(std::move(piece));
}

void RangeFeed::Stop() {
  core_->scheduler().Post(
      [self = shared_from_this()] { self->GiveUp(absl::UnavailableError("nobody reads on")); });
}

void RangeFeed::Pull() {
  if (stream_ == nullptr || pulling_ || (!ready_.empty() && ready_bytes_ >= max_bytes_)) return;
  pulling_ = true;
  stream_->Read();
}

void RangeFeed::OnMessage(const std::string& bytes) {
  if (stream_ == nullptr) return;
  pulling_ = false;
  has_flowed_ = true;
  core_->endpoints().Succeeded(endpoint_);
  etcdserverpb::RangeStreamResponse response;
  if (!response.ParseFromString(bytes)) return GiveUp(UnreadableAnswer(response.GetTypeName()));
  auto& part = *response.mutable_range_response();
  for (mvccpb::KeyValue& kv : *part.mutable_kvs()) Leave(*view_, kv);
  received_ += part.kvs_size();
  const bool last = part.count() > 0 && part.count() == received_;
  Cut(ToResult(part));
  if (last) {
    if (ready_.empty()) ready_.emplace_back();
    ready_.back().last = true;
    // There is nothing but the end to read.
    std::exchange(stream_, nullptr)->Read();
  }
  if (taker_ != nullptr && !ready_.empty()) return Hand();
  Pull();
}

void RangeFeed::Cut(GetResult result) {
  Piece piece;
  size_t bytes = 0;
  const auto add = [&] {
    ready_bytes_ += bytes;
    bytes = 0;
    ready_.push_back(std::exchange(piece, {}));
  };
  for (KeyValue& kv : result.kvs) {
    const size_t size = SizeOf(kv);
    const bool full =
        static_cast<int64_t>(piece.kvs.size()) == max_pairs_ || bytes + size > max_bytes_;
    if (full && !piece.kvs.empty()) add();
    bytes += size;
    piece.kvs.push_back(std::move(kv));
  }
  if (!piece.kvs.empty()) add();
}

void RangeFeed::OnEnd(const CallEnd& end) {
  if (stream_ == nullptr) return;
  if (absl::IsUnimplemented(end.status)) core_->SetNoRangeStreams();
  if (BlamesEndpoint(end)) core_->endpoints().Failed(endpoint_, core_->scheduler().Now());
  GiveUp(absl::UnavailableError(end.status.message()));
}

void RangeFeed::GiveUp(absl::Status why) {
  if (over_.ok()) over_ = std::move(why);
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->Cancel();
  Answer(over_);
}

void RangeFeed::Answer(absl::StatusOr<Piece> piece) {
  core_->scheduler().Cancel(std::exchange(silence_, Scheduler::kNoTimer));
  if (taker_ != nullptr) std::exchange(taker_, nullptr)->Complete(std::move(piece));
}

}  // namespace keelson::client::internal
