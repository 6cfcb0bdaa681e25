#include "server/api/fresh_watch.h"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/etcd/rpc.pb.h"
#include "server/api/fresh_wish.h"
#include "server/api/methods.h"
#include "server/node/node.h"

namespace keelson::server {
namespace {

class FreshWatch final : public Call, public std::enable_shared_from_this<FreshWatch> {
 public:
  FreshWatch(Node& node, std::shared_ptr<Call> inner, const Wish& wish)
      : node_(node), inner_(std::move(inner)), wish_(wish) {}

  const CallContext& context() const override { return inner_->context(); }

  void SetEvents(Events events) override {
    on_end_ = std::move(events.on_end);
    events.on_end = [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->OnEnd();
    };
    if (wish_.min_revision > node_.store().revision()) WaitForRevision(events.on_message);
    events.on_message = [weak = weak_from_this(),
                         next = std::move(events.on_message)](std::string_view body) {
      if (const auto self = weak.lock()) self->OnRequest(body, next);
    };
    inner_->SetEvents(std::move(events));
  }

  void AddMetadata(std::string_view key, std::string_view value) override {
    inner_->AddMetadata(key, value);
  }
  void AddTrailer(std::string_view key, std::string_view value) override {
    if (!refused_) inner_->AddTrailer(key, value);
  }
  void Send(SharedBody body) override {
    if (refused_) return;
    Look(&body);
    sent_ = true;
    if (!refused_) inner_->Send(std::move(body));
  }
  void SendPart(SharedBody part, size_t rest) override {
    if (!refused_) inner_->SendPart(std::move(part), rest);
  }
  void Finish(const absl::Status& status) override {
    on_end_ = nullptr;
    StopWaiting();
    if (!refused_) inner_->Finish(status);
  }
  size_t pending_bytes() const override { return inner_->pending_bytes(); }
  void PauseReading(bool paused) override { inner_->PauseReading(paused); }

 private:
  using OnMessage = std::function<void(std::string_view)>;
  // All changes up to `revision` are at most as old as `anchor` says.
  struct Mark {
    int64_t revision = 0;
    std::optional<uint64_t> anchor = std::nullopt;
  };
  static constexpr size_t kAsked = 16;
  // No progress is larger: its header, its id and flags.
  static constexpr size_t kProgressBytes = 128;

  // The requests are held back until this member has the revision that the caller has seen.
  void WaitForRevision(const OnMessage& next) {
    holding_ = true;
    inner_->PauseReading(true);
    wait_ = node_.WhenRevision(wish_.min_revision,
                               [weak = weak_from_this(), next](const absl::Status& status) {
                                 if (const auto self = weak.lock()) self->OnRevision(status, next);
                               });
  }

  void OnRevision(const absl::Status& status, const OnMessage& next) {
    wait_.reset();
    if (!status.ok()) return End(status);
    // What comes meanwhile is behind what is held.
    inner_->PauseReading(false);
    while (!held_.empty()) {
      const std::string body = std::move(held_.front());
      held_.pop_front();
      NoteRequest(body);
      if (next) next(body);
    }
    holding_ = false;
  }

  void StopWaiting() {
    if (wait_) node_.CancelWait(*std::exchange(wait_, std::nullopt));
    held_.clear();
  }

  void OnRequest(std::string_view body, const OnMessage& next) {
    if (holding_) {
      held_.emplace_back(body);
      return;
    }
    NoteRequest(body);
    if (next) next(body);
  }

  void NoteRequest(std::string_view body) {
    if (body.size() > kProgressBytes || asked_.size() == kAsked) return;
    etcdserverpb::WatchRequest request;
    if (!request.ParseFromArray(body.data(), static_cast<int>(body.size()))) return;
    if (!request.has_progress_request()) return;
    asked_.push_back({node_.store().revision(), node_.FreshnessAnchor()});
  }

  void Look(SharedBody* body) {
    if (body->tail != nullptr || body->head.size() > kProgressBytes) return;
    etcdserverpb::WatchResponse response;
    if (!response.ParseFromString(body->head) || response.canceled() ||
        response.events_size() > 0) {
      return;
    }
    // A watcher that begins may have to be caught up: what it begins with is the member's age,
    // which says nothing of what was delivered.
    const auto anchor =
        response.created() ? node_.FreshnessAnchor() : AnchorAt(response.header().revision());
    const uint64_t now = node_.loop().BootNanos();
    const auto age_ms = anchor ? std::optional(MillisSince(*anchor, now)) : std::nullopt;
    if (!MeetsAge(wish_, age_ms)) return End(TooOld(wish_, age_ms));
    const bool quorum = HearsQuorum(node_, now);
    if (response.created()) return Begin(age_ms, quorum);
    etcdserverpb::WatchResponse told;
    if (age_ms) told.set_keelson_age_ms(*age_ms);
    told.set_keelson_quorum(quorum);
    body->head += told.SerializeAsString();
  }

  // The best anchor for what was delivered up to `revision`.
  std::optional<uint64_t> AnchorAt(int64_t revision) {
    while (!asked_.empty() && asked_.front().revision <= revision) {
      known_ = asked_.front();
      asked_.pop_front();
    }
    const int64_t store = node_.store().revision();
    if (revision >= store) known_ = {store, node_.FreshnessAnchor()};
    return known_.anchor;
  }

  void Begin(std::optional<int64_t> age_ms, bool quorum) {
    if (sent_) return;
    if (age_ms) inner_->AddMetadata("keelson-age-ms", absl::StrCat(*age_ms));
    inner_->AddMetadata("keelson-quorum", quorum ? "true" : "false");
  }

  // The handler hears of it in a later turn: it may be in the middle of sending.
  void End(const absl::Status& status) {
    refused_ = true;
    inner_->Finish(status);
    node_.loop().Post([self = shared_from_this()] { self->OnEnd(); });
  }

  void OnEnd() {
    const auto keep = shared_from_this();
    StopWaiting();
    if (const auto on_end = std::exchange(on_end_, nullptr)) on_end();
  }

  Node& node_;
  const std::shared_ptr<Call> inner_;
  const Wish wish_;
  std::function<void()> on_end_;  // the handler's
  std::optional<uint64_t> wait_;  // for the revision asked for
  bool holding_ = false;          // requests wait, for it or for those before them
  std::deque<std::string> held_;  // they
  std::deque<Mark> asked_;        // what this member had at each unanswered request
  Mark known_;                    // the best one that was reached
  bool sent_ = false;             // an answer, and with it the leading metadata
  bool refused_ = false;
};

}  // namespace

void StartFreshWatch(
    Node& node, std::shared_ptr<Call> call,
    const std::function<void(std::shared_ptr<Call>, std::string_view request)>& start) {
  const auto wish = WishOf(call->context());
  if (!wish.ok()) return Answer(*call, wish.status());
  start(std::make_shared<FreshWatch>(node, std::move(call), *wish), {});
}

}  // namespace keelson::server
