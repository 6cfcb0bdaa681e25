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
    events.on_message = [weak = weak_from_this(),
                         next = std::move(events.on_message)](std::string_view body) {
      if (const auto self = weak.lock()) self->NoteRequest(body);
      if (next) next(body);
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
    if (!refused_) inner_->Send(std::move(body));
  }
  void SendPart(SharedBody part, size_t rest) override {
    if (!refused_) inner_->SendPart(std::move(part), rest);
  }
  void Finish(const absl::Status& status) override {
    on_end_ = nullptr;
    if (!refused_) inner_->Finish(status);
  }
  size_t pending_bytes() const override { return inner_->pending_bytes(); }
  void PauseReading(bool paused) override { inner_->PauseReading(paused); }

 private:
  // All changes up to `revision` are at most as old as `anchor` says.
  struct Mark {
    int64_t revision = 0;
    std::optional<uint64_t> anchor = std::nullopt;
  };
  static constexpr size_t kAsked = 16;
  // No progress is larger: its header, its id and flags.
  static constexpr size_t kProgressBytes = 128;

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
    if (!MeetsAge(wish_, age_ms)) return Refuse(age_ms);
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
    if (std::exchange(began_, true)) return;
    if (age_ms) inner_->AddMetadata("keelson-age-ms", absl::StrCat(*age_ms));
    inner_->AddMetadata("keelson-quorum", quorum ? "true" : "false");
  }

  // The handler hears of it in a later turn: it is in the middle of sending.
  void Refuse(std::optional<int64_t> age_ms) {
    refused_ = true;
    inner_->Finish(TooOld(wish_, age_ms));
    node_.loop().Post([self = shared_from_this()] { self->OnEnd(); });
  }

  void OnEnd() {
    const auto keep = shared_from_this();
    if (const auto on_end = std::exchange(on_end_, nullptr)) on_end();
  }

  Node& node_;
  const std::shared_ptr<Call> inner_;
  const Wish wish_;
  std::function<void()> on_end_;  // the handler's
  std::deque<Mark> asked_;        // what this member had at each unanswered request
  Mark known_;                    // the best one that was reached
  bool began_ = false;
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
