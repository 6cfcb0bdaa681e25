#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/clients.h"

namespace keelson::sim {

WatchClient::~WatchClient() = default;

void WatchClient::ConnectLater() {
  call_.reset();
  ++session_;
  cluster_.world().After(
      cluster_.dice().Between(std::chrono::milliseconds(1), std::chrono::milliseconds(150)),
      [this] { Connect(); });
}

void WatchClient::Connect() {
  member_ = &cluster_.AnyMember();
  const uint64_t session = ++session_;
  min_revision_ = cluster_.dice().OneIn(2) ? cluster_.truth().acknowledged() : 0;
  call_ = member_->Call(
      "/etcdserverpb.Watch/Watch", "",
      [this, session](const std::string& bytes) {
        if (session != session_) return;
        etcdserverpb::WatchResponse response;
        response.ParseFromString(bytes);
        OnResponse(response);
      },
      [this, session](const absl::Status&) {
        if (session == session_) ConnectLater();
      },
      {{"keelson-min-revision", absl::StrCat(min_revision_)}});
  if (call_ == nullptr) return ConnectLater();
  member_start_ = member_->starts();
  etcdserverpb::WatchRequest request;
  auto* create = request.mutable_create_request();
  create->set_key(begin_);
  create->set_range_end(end_);
  create->set_prev_kv(true);
  create->set_start_revision(placed_ ? seen_ + 1 : 0);
  call_->Message(request.SerializeAsString());
  cluster_.world().After(std::chrono::milliseconds(200), [this, session] {
    if (session == session_) CheckAlive();
  });
}

// A client notices that its member died, moves on at times without a reason, and is slow at times.
void WatchClient::CheckAlive() {
  if (!member_->up() || member_->starts() != member_start_) return ConnectLater();
  if (cluster_.dice().OneIn(12)) {
    cluster_.Count("watchers that moved on");
    call_->End();
    return ConnectLater();
  }
  call_->SetStuck(cluster_.dice().OneIn(6));
  etcdserverpb::WatchRequest ask;
  ask.mutable_progress_request();
  call_->Message(ask.SerializeAsString());
  cluster_.world().After(std::chrono::milliseconds(200), [this, session = session_] {
    if (session == session_) CheckAlive();
  });
}

void WatchClient::OnResponse(const etcdserverpb::WatchResponse& response) {
  if (response.canceled()) {
    if (response.compact_revision() > 0) {
      // Compaction overtook the watcher: what lay before is lost to it by contract.
      cluster_.Count("watchers overtaken by compaction");
      if (response.compact_revision() <= seen_) {
        cluster_.truth().Violated("a watcher was cancelled as compacted without need");
      }
      seen_ = response.compact_revision() - 1;
    }
    call_->End();
    return ConnectLater();
  }
  if (response.created()) {
    if (response.header().revision() < min_revision_) {
      cluster_.truth().Violated(absl::StrCat(member_->name(), " began a watcher at revision ",
                                             response.header().revision(),
                                             " that was to begin at revision ", min_revision_));
    }
    if (!placed_) seen_ = response.header().revision();
    placed_ = true;
    return;
  }
  if (response.events_size() > 0) return OnEvents(response);
  if (response.has_keelson_age_ms()) CheckAge(response.keelson_age_ms());
}

// Whatever was acknowledged so long ago has been seen.
void WatchClient::CheckAge(int64_t age_ms) {
  cluster_.Count("watch progress of known age");
  const Instant answered = cluster_.world().now() - SimMember::kOnTheWay;
  const int64_t acknowledged =
      cluster_.truth().AcknowledgedBy(answered - std::chrono::milliseconds(age_ms));
  const int64_t next = cluster_.truth().NextChange(begin_, end_, seen_);
  if (next == 0 || next > acknowledged) return;
  cluster_.truth().Violated(
      absl::StrCat(member_->name(), " told a watcher of ", begin_, " that had seen ", seen_,
                   " that its copy is at most ", age_ms, " ms old, but ", next,
                   " is the next and revision ", acknowledged, " was acknowledged before that"));
}

void WatchClient::OnEvents(const etcdserverpb::WatchResponse& response) {
  Truth& truth = cluster_.truth();
  int i = 0;
  while (i < response.events_size()) {
    const int64_t revision = response.events(i).kv().mod_revision();
    const int64_t expected = truth.NextChange(begin_, end_, seen_);
    if (revision != expected) {
      truth.Violated(absl::StrCat("a watcher of ", begin_, " on ", member_->name(),
                                  " that had seen ", seen_, " got revision ", revision, " where ",
                                  expected, " comes next"));
    }
    for (const storage::Change& change : truth.ChangesOf(revision)) {
      if (change.now->key < begin_ || change.now->key >= end_) continue;
      const bool there = i < response.events_size();
      const auto& event = response.events(there ? i : 0);
      if (!there || event.kv().mod_revision() != revision || event.kv().key() != change.now->key ||
          event.kv().value() != change.now->value ||
          (event.type() == mvccpb::Event::DELETE) != change.deleted) {
        truth.Violated(absl::StrCat("a watcher got another event at revision ", revision, ": ",
                                    event.ShortDebugString()));
      }
      const auto before = truth.At(change.now->key, revision - 1);
      if (event.has_prev_kv() && (!before || before->value != event.prev_kv().value())) {
        truth.Violated(absl::StrCat("a wrong prev_kv at revision ", revision));
      }
      ++i;
      cluster_.Count("watch events");
    }
    seen_ = revision;
  }
}

bool WatchClient::CaughtUp() const {
  return placed_ && cluster_.truth().NextChange(begin_, end_, seen_) == 0;
}

std::string WatchClient::Describe() const {
  return absl::StrCat("watcher of ", begin_, " has seen ", seen_, ", next is ",
                      cluster_.truth().NextChange(begin_, end_, seen_));
}

}  // namespace keelson::sim
