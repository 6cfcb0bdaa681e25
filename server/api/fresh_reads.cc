#include "server/api/fresh_reads.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/etcd/rpc.pb.h"
#include "server/api/fresh_watch.h"
#include "server/api/fresh_wish.h"
#include "server/api/methods.h"
#include "server/api/write.h"
#include "server/node/node.h"

namespace keelson::server {
namespace {

// The call as the handler sees it: before its first answer leaves, the age is looked at.
class FreshCall final : public Call, public std::enable_shared_from_this<FreshCall> {
 public:
  // `anchor` is that of a view taken from now on.
  FreshCall(Node& node, std::shared_ptr<Call> inner, const Wish& wish, bool linearizable)
      : node_(node), inner_(std::move(inner)), wish_(wish), linearizable_(linearizable) {
    TakeAnchor();
  }

  const CallContext& context() const override { return inner_->context(); }

  // Waits for the revision that was asked for, then calls `go`, unless the caller went away.
  void WaitForRevision(std::function<void(const absl::Status&)> go) {
    wait_ = node_.WhenRevision(wish_.min_revision, [self = shared_from_this(), go = std::move(go)](
                                                       const absl::Status& status) {
      self->wait_.reset();
      self->TakeAnchor();
      go(status);
    });
    Events events;
    events.on_end = [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->OnEnd();
    };
    events.on_writable = [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self && self->events_.on_writable) self->events_.on_writable();
    };
    own_events_ = true;
    inner_->SetEvents(std::move(events));
  }

  void SetEvents(Events events) override {
    if (!own_events_) return inner_->SetEvents(std::move(events));
    if (ended_) return;
    events_ = std::move(events);
  }

  void AddMetadata(std::string_view key, std::string_view value) override {
    // It shows what was there when it was given for the first time, whenever that was.
    if (key == kRequestOutcomeKey && value == kRepeatedOutcome) anchor_.reset();
    inner_->AddMetadata(key, value);
  }
  void AddTrailer(std::string_view key, std::string_view value) override {
    if (!refused_) inner_->AddTrailer(key, value);
  }
  void Send(SharedBody body) override {
    if (IsFresh()) inner_->Send(std::move(body));
  }
  void SendPart(SharedBody part, size_t rest) override {
    if (IsFresh()) inner_->SendPart(std::move(part), rest);
  }
  void Finish(const absl::Status& status) override {
    events_ = {};
    if (!refused_) inner_->Finish(status);
  }
  size_t pending_bytes() const override { return inner_->pending_bytes(); }
  void PauseReading(bool paused) override { inner_->PauseReading(paused); }

  // Ends a call whose answer would be older than it may be, and tells whether it is one. Asked
  // before anything is read, so that nothing is read in vain, and again before the answer leaves.
  bool RefuseIfTooOld() { return RefuseIfTooOld(node_.loop().BootNanos()); }

 private:
  bool RefuseIfTooOld(uint64_t now) {
    if (linearizable_ || !wish_.max_age_ms || refused_) return refused_;
    const auto age_ms = AgeMillis(now);
    refused_ = !MeetsAge(wish_, age_ms);
    if (refused_) inner_->Finish(TooOld(wish_, age_ms));
    return refused_;
  }

  void TakeAnchor() {
    anchor_ = linearizable_ ? node_.loop().BootNanos() : node_.FreshnessAnchor();
  }

  void OnEnd() {
    ended_ = true;
    if (wait_) node_.CancelWait(*std::exchange(wait_, std::nullopt));
    const Events events = std::exchange(events_, {});
    if (events.on_end) events.on_end();
  }

  // Before the first bytes of an answer: whether it may leave.
  bool IsFresh() {
    if (!std::exchange(looked_, true)) Look();
    return !refused_;
  }

  void Look() {
    // What was read is in the answer by now: the clock is read after it, and once.
    const uint64_t now = node_.loop().BootNanos();
    if (RefuseIfTooOld(now)) return;
    if (const auto age_ms = AgeMillis(now)) {
      inner_->AddMetadata("keelson-age-ms", absl::StrCat(*age_ms));
    }
    inner_->AddMetadata("keelson-quorum", HearsQuorum(node_, now) ? "true" : "false");
  }

  std::optional<int64_t> AgeMillis(uint64_t now) const {
    if (!anchor_) return std::nullopt;
    return MillisSince(*anchor_, now);
  }

  Node& node_;
  const std::shared_ptr<Call> inner_;
  const Wish wish_;
  const bool linearizable_;
  std::optional<uint64_t> anchor_;
  std::optional<uint64_t> wait_;
  Events events_;            // the handler's, where the call's own are set already
  bool own_events_ = false;  // the call's events are ours, and passed on
  bool ended_ = false;
  bool looked_ = false;
  bool refused_ = false;
};

template <typename Request>
std::optional<Request> Parsed(std::string_view bytes) {
  Request request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  return request;
}

bool IsLinearizableRange(std::string_view bytes) {
  const auto request = Parsed<etcdserverpb::RangeRequest>(bytes);
  return request && !request->serializable();
}

bool AllSerializable(const etcdserverpb::TxnRequest& txn) {
  const auto reads = [](const etcdserverpb::RequestOp& op) {
    return op.has_request_range() && op.request_range().serializable();
  };
  return txn.success_size() + txn.failure_size() > 0 &&
         std::all_of(txn.success().begin(), txn.success().end(), reads) &&
         std::all_of(txn.failure().begin(), txn.failure().end(), reads);
}

bool IsLinearizableTxn(std::string_view bytes) {
  const auto request = Parsed<etcdserverpb::TxnRequest>(bytes);
  return request && !AllSerializable(*request);
}

bool IsLinearizableList(std::string_view bytes) {
  const auto request = Parsed<etcdserverpb::MemberListRequest>(bytes);
  return request && request->linearizable();
}

bool AsOfItsRequest(std::string_view) { return true; }
bool OfThisMember(std::string_view) { return false; }

struct Read {
  std::string_view path;
  bool (*is_linearizable)(std::string_view request);
};

constexpr Read kReads[] = {
    {"/etcdserverpb.KV/Range", IsLinearizableRange},
    {"/etcdserverpb.KV/RangeStream", IsLinearizableRange},
    {"/etcdserverpb.KV/Txn", IsLinearizableTxn},
    {"/etcdserverpb.Lease/LeaseTimeToLive", AsOfItsRequest},
    {"/etcdserverpb.Lease/LeaseLeases", OfThisMember},
    {"/etcdserverpb.Cluster/MemberList", IsLinearizableList},
    {"/etcdserverpb.Maintenance/Hash", OfThisMember},
    {"/etcdserverpb.Maintenance/HashKV", OfThisMember},
    {"/etcdserverpb.Maintenance/Snapshot", OfThisMember},
    {"/etcdserverpb.Maintenance/Status", OfThisMember},
    {"/v3electionpb.Election/Leader", AsOfItsRequest},
};

}  // namespace

void FreshReads::Begin(std::shared_ptr<Call> call, std::string_view request, bool linearizable,
                       const Start& start) {
  const auto wish = WishOf(call->context());
  if (!wish.ok()) return Answer(*call, wish.status());
  auto fresh = std::make_shared<FreshCall>(node_, std::move(call), *wish, linearizable);
  const auto go_on = [fresh, start](std::string_view bytes) {
    if (!fresh->RefuseIfTooOld()) start(fresh, bytes);
  };
  if (wish->min_revision <= node_.store().revision()) return go_on(request);
  fresh->WaitForRevision([fresh, go_on, bytes = std::string(request)](const absl::Status& status) {
    if (!status.ok()) return fresh->Finish(status);
    go_on(bytes);
  });
}

void FreshReads::Extend(Methods& methods) {
  for (const Read& read : kReads) {
    methods.Surround(read.path, [this, &read](std::shared_ptr<Call> call, std::string_view request,
                                              const Start& start) {
      if (!WantsAge(call->context())) return start(call, request);
      Begin(std::move(call), request, read.is_linearizable(request), start);
    });
  }
  methods.Surround("/etcdserverpb.Watch/Watch",
                   [this](std::shared_ptr<Call> call, std::string_view, const Start& start) {
                     if (!WantsAge(call->context())) return start(call, {});
                     StartFreshWatch(node_, std::move(call), start);
                   });
}

}  // namespace keelson::server
