#include "tests/client/recipes/fake_cluster.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace keelson::testing {

using client::internal::CallEnd;
using client::internal::CallStart;
using client::internal::Reach;
using client::internal::Scheduler;
using client::internal::Stream;
using client::internal::StreamEvents;
using etcdserverpb::LeaseKeepAliveRequest;
using etcdserverpb::LeaseKeepAliveResponse;
using etcdserverpb::RangeRequest;
using etcdserverpb::RangeResponse;
using etcdserverpb::TxnRequest;
using etcdserverpb::TxnResponse;
using etcdserverpb::WatchCreateRequest;
using etcdserverpb::WatchRequest;
using etcdserverpb::WatchResponse;

namespace {

mvccpb::Event ToEvent(const storage::Change& change) {
  mvccpb::Event event;
  event.set_type(change.deleted ? mvccpb::Event::DELETE : mvccpb::Event::PUT);
  mvccpb::KeyValue* kv = event.mutable_kv();
  kv->set_key(change.now->key);
  kv->set_value(change.now->value);
  kv->set_create_revision(change.now->create_revision);
  kv->set_mod_revision(change.now->mod_revision);
  kv->set_version(change.now->version);
  kv->set_lease(change.now->lease);
  return event;
}

template <typename Message>
Message Parse(const std::string& bytes) {
  Message message;
  KEELSON_CHECK(message.ParseFromString(bytes), "the client sends valid messages");
  return message;
}

bool IsRead(const std::string& method, const std::string& request) {
  if (method == "KV/Range") return true;
  if (method != "KV/Txn") return false;
  const auto txn = Parse<TxnRequest>(request);
  const auto reads = [](const auto& ops) {
    return std::all_of(ops.begin(), ops.end(),
                       [](const auto& op) { return op.has_request_range(); });
  };
  return reads(txn.success()) && reads(txn.failure());
}

// What both kinds of streams share: a message goes out when it was asked for, on the client's
// thread.
class FakeClusterStream : public Stream {
 public:
  FakeClusterStream(std::shared_ptr<Scheduler> scheduler, StreamEvents events)
      : scheduler_(std::move(scheduler)), events_(std::move(events)) {}

  void SendLast(std::string message) override { Send(std::move(message)); }
  void Read() override {
    const std::lock_guard lock(mutex_);
    ++reads_;
    Flush();
  }
  void Cancel() override {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    scheduler_->Post([events = std::exchange(events_, {})] {
      if (events.on_end) {
        events.on_end({.status = absl::CancelledError("cancelled"), .reach = Reach::kSent});
      }
    });
  }

 protected:
  void Tell(const google::protobuf::MessageLite& message) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(message.SerializeAsString());
    Flush();
  }
  bool ended() const {
    const std::lock_guard lock(mutex_);
    return ended_;
  }

 private:
  void Flush() {
    while (!ended_ && reads_ > 0 && !waiting_.empty()) {
      --reads_;
      scheduler_->Post([tell = events_.on_message, bytes = waiting_.front()] { tell(bytes); });
      waiting_.pop_front();
    }
  }

  const std::shared_ptr<Scheduler> scheduler_;
  mutable std::mutex mutex_;  // guards what follows
  StreamEvents events_;
  std::deque<std::string> waiting_;
  int reads_ = 0;
  bool ended_ = false;
};

class FakeKeepAliveStream : public FakeClusterStream {
 public:
  FakeKeepAliveStream(std::shared_ptr<FakeCluster> cluster,
                      std::shared_ptr<std::atomic<bool>> silent,
                      std::shared_ptr<Scheduler> scheduler, StreamEvents events)
      : FakeClusterStream(std::move(scheduler), std::move(events)),
        cluster_(std::move(cluster)),
        silent_(std::move(silent)) {}

  void Send(std::string message) override {
    if (*silent_) return;
    const auto answer = cluster_->Do("Lease/LeaseKeepAlive", message);
    Tell(Parse<LeaseKeepAliveResponse>(*answer));
  }

 private:
  const std::shared_ptr<FakeCluster> cluster_;
  const std::shared_ptr<std::atomic<bool>> silent_;
};

}  // namespace

using Revision = FakeCluster::Revision;

class FakeWatchStream : public FakeClusterStream,
                        public std::enable_shared_from_this<FakeWatchStream> {
 public:
  FakeWatchStream(std::shared_ptr<FakeCluster> cluster, std::shared_ptr<Scheduler> scheduler,
                  StreamEvents events)
      : FakeClusterStream(std::move(scheduler), std::move(events)), cluster_(std::move(cluster)) {}

  void Send(std::string message) override {
    const auto request = Parse<WatchRequest>(message);
    if (!request.has_create_request()) return;
    created_.push_back(request.create_request());
    cluster_->AddWatch(shared_from_this());
  }

  // The last watch of the stream, in the cluster's lock as all that follows.
  void Begin(int64_t revision, const std::vector<Revision>& history) {
    WatchResponse response;
    response.mutable_header()->set_revision(revision);
    response.set_watch_id(created_.back().watch_id());
    response.set_created(true);
    Tell(response);
    const int64_t start = created_.back().start_revision();
    for (const Revision& changes : history) {
      if (start != 0 && changes.front().kv().mod_revision() >= start) {
        TellOne(created_.back(), changes);
      }
    }
  }

  // How many events that were.
  int64_t TellAll(const Revision& changes) {
    int64_t told = 0;
    for (const WatchCreateRequest& watch : created_) {
      if (!ended()) told += TellOne(watch, changes);
    }
    return told;
  }

 private:
  static bool Wants(const WatchCreateRequest& watch, const mvccpb::Event& event) {
    const std::string& key = event.kv().key();
    const std::string& end = watch.range_end();
    const auto unwanted = event.type() == mvccpb::Event::PUT ? WatchCreateRequest::NOPUT
                                                             : WatchCreateRequest::NODELETE;
    const auto& filters = watch.filters();
    if (std::find(filters.begin(), filters.end(), unwanted) != filters.end()) return false;
    if (end.empty()) return key == watch.key();
    return key >= watch.key() && (end == std::string(1, 0) || key < end);
  }

  int64_t TellOne(const WatchCreateRequest& watch, const Revision& changes) {
    WatchResponse response;
    response.mutable_header()->set_revision(changes.front().kv().mod_revision());
    response.set_watch_id(watch.watch_id());
    for (const mvccpb::Event& event : changes) {
      if (Wants(watch, event)) *response.add_events() = event;
    }
    if (response.events_size() > 0) Tell(response);
    return response.events_size();
  }

  const std::shared_ptr<FakeCluster> cluster_;
  std::vector<WatchCreateRequest> created_;
};

absl::StatusOr<std::string> FakeCluster::Do(const std::string& method, const std::string& request) {
  const std::lock_guard lock(mutex_);
  if (method == "KV/Txn") return Write<TxnResponse>(Parse<TxnRequest>(request));
  if (method == "KV/Range") return Range(request);
  if (method == "KV/Put") {
    return Write<etcdserverpb::PutResponse>(Parse<etcdserverpb::PutRequest>(request));
  }
  if (method == "KV/DeleteRange") {
    return Write<etcdserverpb::DeleteRangeResponse>(
        Parse<etcdserverpb::DeleteRangeRequest>(request));
  }
  if (method == "Lease/LeaseGrant") {
    auto grant = Parse<etcdserverpb::LeaseGrantRequest>(request);
    grant.set_id(++last_lease_);
    leases_[grant.id()] = grant.ttl();
    return Write<etcdserverpb::LeaseGrantResponse>(grant);
  }
  if (method == "Lease/LeaseRevoke") {
    const auto revoke = Parse<etcdserverpb::LeaseRevokeRequest>(request);
    leases_.erase(revoke.id());
    return Write<etcdserverpb::LeaseRevokeResponse>(revoke);
  }
  KEELSON_CHECK(method == "Lease/LeaseKeepAlive", "the fake cluster knows no such method");
  return KeepAlive(request);
}

template <typename Response, typename Request>
absl::StatusOr<std::string> FakeCluster::Write(const Request& request) {
  auto applied = machine_.Apply(request);
  if (!applied.changes.empty()) {
    Revision& changes = history_.emplace_back();
    for (const storage::Change& change : applied.changes) changes.push_back(ToEvent(change));
    for (const auto& watch : watches_) {
      if (const auto stream = watch.lock()) events_told_ += stream->TellAll(changes);
    }
  }
  if (!applied.status.ok()) return applied.status;
  const Response& response = applied.response;
  return response.SerializeAsString();
}

absl::StatusOr<std::string> FakeCluster::Range(const std::string& request) {
  TxnRequest txn;
  *txn.add_success()->mutable_request_range() = Parse<RangeRequest>(request);
  auto applied = machine_.Apply(txn);
  if (!applied.status.ok()) return applied.status;
  RangeResponse response = applied.response.responses(0).response_range();
  *response.mutable_header() = applied.response.header();
  return response.SerializeAsString();
}

std::string FakeCluster::KeepAlive(const std::string& request) {
  LeaseKeepAliveResponse response;
  response.set_id(Parse<LeaseKeepAliveRequest>(request).id());
  const auto lease = leases_.find(response.id());
  response.set_ttl(lease == leases_.end() ? 0 : lease->second);
  return response.SerializeAsString();
}

void FakeCluster::AddWatch(const std::shared_ptr<FakeWatchStream>& stream) {
  const std::lock_guard lock(mutex_);
  stream->Begin(machine_.store().revision(), history_);
  const bool known = std::any_of(watches_.begin(), watches_.end(),
                                 [&](const auto& watch) { return watch.lock() == stream; });
  if (!known) watches_.push_back(stream);
}

void FakeCluster::EndLease(int64_t id) {
  etcdserverpb::LeaseRevokeRequest request;
  request.set_id(id);
  KEELSON_CHECK(Do("Lease/LeaseRevoke", request.SerializeAsString()).ok(), "the lease is there");
}

int64_t FakeCluster::events_told() const {
  const std::lock_guard lock(mutex_);
  return events_told_;
}

FakeLink::FakeLink(std::shared_ptr<FakeCluster> cluster, std::shared_ptr<Scheduler> scheduler)
    : cluster_(std::move(cluster)), scheduler_(std::move(scheduler)) {}

void FakeLink::Plan(const std::string& method, std::vector<Fault> faults) {
  const std::lock_guard lock(mutex_);
  plan_[method] = {faults.begin(), faults.end()};
}

bool FakeLink::LetGo() {
  const std::lock_guard lock(mutex_);
  for (const auto& [method, request] : held_) cluster_->Do(method, request).status().IgnoreError();
  return !std::exchange(held_, {}).empty();
}

bool FakeLink::IsSilent() {
  const std::lock_guard lock(mutex_);
  return open_;
}

void FakeLink::Silence() { *silent_ = true; }

FakeLink::Fault FakeLink::Next(const std::string& method, const std::string& request) {
  std::deque<Fault>& faults = plan_[method];
  if (faults.empty() || IsRead(method, request)) return Fault::kNone;
  const Fault next = faults.front();
  faults.pop_front();
  return next;
}

void FakeLink::Unary(CallStart start, std::string request, std::function<void(CallEnd)> done) {
  const std::string method = start.method.substr(std::string("/etcdserverpb.").size());
  Fault fault;
  {
    const std::lock_guard lock(mutex_);
    fault = Next(method, request);
    if (fault == Fault::kHeld) held_.emplace_back(method, request);
    if (fault == Fault::kSilent) open_ = true;
  }
  if (fault == Fault::kSilent) {
    start.cancellation->OnRequest([scheduler = scheduler_, done = std::move(done)] {
      scheduler->Post(
          [done] { done({.status = absl::CancelledError("cancelled"), .reach = Reach::kSent}); });
    });
    return;
  }
  CallEnd end;
  if (fault == Fault::kNone || fault == Fault::kAnswerLost) {
    auto answer = cluster_->Do(method, request);
    end = {.status = answer.status(), .reach = Reach::kAnswered};
    if (answer.ok()) end.body = *std::move(answer);
  }
  if (fault != Fault::kNone) {
    end = {.status = absl::UnavailableError("no answer"),
           .reach = fault == Fault::kNotSent ? Reach::kNotSent : Reach::kSent};
  }
  scheduler_->Post([done = std::move(done), end = std::move(end)] { done(end); });
}

std::shared_ptr<Stream> FakeLink::OpenStream(CallStart start, StreamEvents events) {
  if (start.method == "/etcdserverpb.Watch/Watch") {
    return std::make_shared<FakeWatchStream>(cluster_, scheduler_, std::move(events));
  }
  return std::make_shared<FakeKeepAliveStream>(cluster_, silent_, scheduler_, std::move(events));
}

FakeClient::FakeClient(const std::shared_ptr<FakeCluster>& cluster) {
  const auto scheduler = std::make_shared<client::internal::TimerThread>();
  link = std::make_shared<FakeLink>(cluster, scheduler);
  client = std::make_unique<client::Client>(std::make_shared<client::internal::Core>(
      client::ClientOptions{}, std::vector<std::string>{"a:1"}, scheduler, link));
}

}  // namespace keelson::testing
