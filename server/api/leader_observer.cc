#include "server/api/leader_observer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "proto/etcd/v3election.pb.h"
#include "server/api/claim.h"
#include "server/apply/errors.h"

namespace keelson::server {

using etcdserverpb::WatchCreateRequest;

void LeaderObserver::Start(LocalClient& client, std::shared_ptr<Call> call,
                           const std::string& name) {
  const std::shared_ptr<LeaderObserver> observer(new LeaderObserver(client, std::move(call), name));
  observer->Begin();
}

LeaderObserver::LeaderObserver(LocalClient& client, std::shared_ptr<Call> call,
                               const std::string& name)
    : client_(client),
      call_(std::move(call)),
      caller_(LocalClient::CallerOf(call_->context())),
      prefix_(absl::StrCat(name, "/")) {}

void LeaderObserver::Begin() {
  Call::Events events;
  events.on_end = [self = shared_from_this()] {
    self->call_ = nullptr;
    self->StopWatching();
  };
  events.on_writable = [self = shared_from_this()] {
    if (self->watch_ != nullptr) self->watch_->Hold(false);
  };
  call_->SetEvents(std::move(events));
  Look();
}

void LeaderObserver::Look() {
  if (call_ == nullptr) return;
  followed_.clear();
  client_.Call<etcdserverpb::RangeResponse>(
      caller_, "/etcdserverpb.KV/Range", OldestKey(prefix_),
      [self = shared_from_this()](const absl::Status& status, const auto& response) {
        if (self->call_ == nullptr) return;
        if (!status.ok()) return self->End(errors::AsUnknown(status));
        self->OnLooked(response);
      });
}

void LeaderObserver::OnLooked(const etcdserverpb::RangeResponse& response) {
  const int64_t next = response.header().revision() + 1;
  if (response.kvs().empty()) return AwaitFirst(next);
  Tell(response.header(), response.kvs(0));
  Follow(response.kvs(0).key(), next);
}

// The first key that is put where there was none is the oldest.
void LeaderObserver::AwaitFirst(int64_t revision) {
  WatchCreateRequest create;
  create.set_key(prefix_);
  create.set_range_end(PrefixEnd(prefix_));
  create.set_start_revision(revision);
  create.add_filters(WatchCreateRequest::NODELETE);
  Watch(std::move(create));
}

void LeaderObserver::Follow(const std::string& key, int64_t revision) {
  followed_ = key;
  WatchCreateRequest create;
  create.set_key(key);
  create.set_start_revision(revision);
  Watch(std::move(create));
}

void LeaderObserver::Watch(WatchCreateRequest create) {
  etcdserverpb::WatchRequest request;
  *request.mutable_create_request() = std::move(create);
  watch_ = client_.Open(
      caller_, "/etcdserverpb.Watch/Watch", request,
      [self = shared_from_this()](const std::string& bytes) { self->OnWatched(bytes); },
      [self = shared_from_this()](const absl::Status& status) {
        self->watch_ = nullptr;
        self->End(status);
      });
}

void LeaderObserver::OnWatched(const std::string& bytes) {
  etcdserverpb::WatchResponse response;
  KEELSON_CHECK(response.ParseFromString(bytes), "a member reads what it has written");
  if (response.canceled()) {  // a compaction went by
    StopWatching();
    return Look();
  }
  for (const mvccpb::Event& event : response.events()) {
    if (event.type() == mvccpb::Event::DELETE) {
      StopWatching();
      return Look();
    }
    etcdserverpb::ResponseHeader header = response.header();
    header.set_revision(event.kv().mod_revision());
    Tell(header, event.kv());
    if (call_ == nullptr) return;
    if (followed_.empty()) {
      StopWatching();
      return Follow(event.kv().key(), event.kv().mod_revision() + 1);
    }
  }
  if (call_->pending_bytes() > Call::kHighWater) watch_->Hold(true);
}

void LeaderObserver::Tell(const etcdserverpb::ResponseHeader& header,
                          const mvccpb::KeyValue& pair) {
  // Looking again after a compaction may find what was told.
  if (std::pair(pair.key(), pair.mod_revision()) == told_) return;
  told_ = {pair.key(), pair.mod_revision()};
  v3electionpb::LeaderResponse response;
  *response.mutable_header() = header;
  *response.mutable_kv() = pair;
  SharedBody body;
  response.SerializeToString(&body.head);
  call_->Send(std::move(body));
}

void LeaderObserver::StopWatching() {
  if (watch_ != nullptr) std::exchange(watch_, nullptr)->Cancel();
}

void LeaderObserver::End(const absl::Status& status) {
  StopWatching();
  std::exchange(call_, nullptr)->Finish(status);
}

}  // namespace keelson::server
