#include "server/api/claim.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "server/apply/errors.h"

namespace keelson::server {
namespace {

using etcdserverpb::Compare;
using etcdserverpb::RangeRequest;
using etcdserverpb::RangeResponse;
using etcdserverpb::TxnRequest;
using etcdserverpb::TxnResponse;

void CompareCreateRevision(const std::string& key, int64_t revision, TxnRequest* txn) {
  Compare* compare = txn->add_compare();
  compare->set_target(Compare::CREATE);
  compare->set_result(Compare::EQUAL);
  compare->set_key(key);
  compare->set_create_revision(revision);
}

}  // namespace

std::string PrefixEnd(std::string prefix) {
  KEELSON_CHECK(!prefix.empty() && prefix.back() != '\xff', "there is a next byte");
  prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

RangeRequest OldestKey(const std::string& prefix) {
  RangeRequest range;
  range.set_key(prefix);
  range.set_range_end(PrefixEnd(prefix));
  range.set_sort_target(RangeRequest::CREATE);
  range.set_sort_order(RangeRequest::ASCEND);
  range.set_limit(1);
  return range;
}

void Claim::Start(LocalClient& client, std::shared_ptr<Call> call, Wish wish, Answer answer) {
  const std::shared_ptr<Claim> claim(
      new Claim(client, std::move(call), std::move(wish), std::move(answer)));
  claim->Begin();
}

Claim::Claim(LocalClient& client, std::shared_ptr<Call> call, Wish wish, Answer answer)
    : client_(client),
      call_(std::move(call)),
      caller_(LocalClient::CallerOf(call_->context())),
      wish_(std::move(wish)),
      answer_(std::move(answer)) {}

void Claim::Begin() {
  Call::Events events;
  events.on_end = [self = shared_from_this()] { self->OnCallerGone(); };
  call_->SetEvents(std::move(events));
  held_.lease = wish_.lease;
  if (call_ == nullptr) return;  // it ended while its events were set
  if (held_.lease != 0) return PutKey();
  etcdserverpb::LeaseGrantRequest grant;
  grant.set_ttl(kOwnLeaseSeconds);
  client_.Call<etcdserverpb::LeaseGrantResponse>(
      caller_, "/etcdserverpb.Lease/LeaseGrant", grant,
      [self = shared_from_this()](const absl::Status& status, const auto& response) {
        if (self->call_ == nullptr) return;
        if (!status.ok()) return self->Fail(status);
        self->held_.lease = response.id();
        self->PutKey();
      });
}

void Claim::PutKey() {
  held_.key = absl::StrCat(wish_.name, "/", absl::Hex(held_.lease));
  TxnRequest txn;
  CompareCreateRevision(held_.key, 0, &txn);
  auto* put = txn.add_success()->mutable_request_put();
  put->set_key(held_.key);
  put->set_value(wish_.value);
  put->set_lease(held_.lease);
  txn.add_failure()->mutable_request_range()->set_key(held_.key);
  client_.Call<TxnResponse>(
      caller_, "/etcdserverpb.KV/Txn", txn,
      [self = shared_from_this()](const absl::Status& status, const TxnResponse& response) {
        if (status.ok()) return self->OnPut(response);
        if (self->call_ != nullptr) self->Fail(status);
      });
}

void Claim::OnPut(const TxnResponse& response) {
  held_.put = held_.last = response.header();
  if (response.succeeded()) {
    held_.revision = response.header().revision();
    // Gone in the meantime.
    return call_ == nullptr ? Withdraw() : LookForOlder();
  }
  if (call_ == nullptr) return;  // the key is that of another call, which takes care of it
  const auto& found = response.responses(0).response_range().kvs(0);
  held_.revision = found.create_revision();
  if (wish_.change_value && found.value() != wish_.value) return ChangeValue();
  LookForOlder();
}

void Claim::ChangeValue() {
  TxnRequest txn;
  CompareCreateRevision(held_.key, held_.revision, &txn);
  auto* put = txn.add_success()->mutable_request_put();
  put->set_key(held_.key);
  put->set_value(wish_.value);
  put->set_lease(held_.lease);
  client_.Call<TxnResponse>(
      caller_, "/etcdserverpb.KV/Txn", txn,
      [self = shared_from_this()](const absl::Status& status, const TxnResponse& response) {
        if (self->call_ == nullptr) return;
        if (!status.ok()) return self->Fail(status);
        if (!response.succeeded()) return self->Fail(self->wish_.lost);
        self->LookForOlder();
      });
}

void Claim::LookForOlder() {
  RangeRequest range = OldestKey(absl::StrCat(wish_.name, "/"));
  range.set_sort_order(RangeRequest::DESCEND);  // the last one before the own
  range.set_max_create_revision(held_.revision - 1);
  range.set_keys_only(true);
  range.set_serializable(true);
  client_.Call<RangeResponse>(
      caller_, "/etcdserverpb.KV/Range", range,
      [self = shared_from_this()](const absl::Status& status, const RangeResponse& response) {
        if (self->call_ == nullptr) return;
        if (!status.ok()) return self->Fail(status);
        if (!response.kvs().empty()) {
          return self->WaitForEndOf(response.kvs(0).key(), response.header().revision() + 1);
        }
        self->waited_ ? self->CheckOwnKey() : self->Win();
      });
}

void Claim::WaitForEndOf(const std::string& key, int64_t revision) {
  waited_ = true;
  etcdserverpb::WatchRequest request;
  auto* create = request.mutable_create_request();
  create->set_key(key);
  create->set_start_revision(revision);
  create->add_filters(etcdserverpb::WatchCreateRequest::NOPUT);
  watch_ = client_.Open(
      caller_, "/etcdserverpb.Watch/Watch", request,
      [self = shared_from_this()](const std::string& bytes) { self->OnWatched(bytes); },
      [self = shared_from_this()](const absl::Status& status) {
        self->watch_ = nullptr;
        self->Fail(status);
      });
}

void Claim::OnWatched(const std::string& bytes) {
  etcdserverpb::WatchResponse response;
  KEELSON_CHECK(response.ParseFromString(bytes), "a member reads what it has written");
  // A compaction went by: what is there now is read again.
  if (response.events().empty() && !response.canceled()) return;
  StopWatching();
  LookForOlder();
}

// The lease may have ended meanwhile, and somebody else hold what this one waited for.
void Claim::CheckOwnKey() {
  RangeRequest range;
  range.set_key(held_.key);
  client_.Call<RangeResponse>(
      caller_, "/etcdserverpb.KV/Range", range,
      [self = shared_from_this()](const absl::Status& status, const RangeResponse& response) {
        if (self->call_ == nullptr) return;
        if (!status.ok()) return self->Fail(status);
        self->held_.last = response.header();
        const bool there =
            !response.kvs().empty() && response.kvs(0).create_revision() == self->held_.revision;
        there ? self->Win() : self->Fail(self->wish_.lost);
      });
}

void Claim::Win() { answer_(*std::exchange(call_, nullptr), held_); }

void Claim::Fail(const absl::Status& status) {
  StopWatching();
  Withdraw();
  std::exchange(call_, nullptr)->Finish(errors::AsUnknown(status));
}

void Claim::OnCallerGone() {
  call_ = nullptr;
  StopWatching();
  Withdraw();
}

void Claim::StopWatching() {
  if (watch_ != nullptr) std::exchange(watch_, nullptr)->Cancel();
}

// As far as it is possible: the lease ends what can't be deleted now.
void Claim::Withdraw() {
  if (held_.revision == 0) return;
  TxnRequest txn;
  CompareCreateRevision(held_.key, held_.revision, &txn);
  txn.add_success()->mutable_request_delete_range()->set_key(held_.key);
  client_.Call<TxnResponse>(caller_, "/etcdserverpb.KV/Txn", txn,
                            [](const absl::Status&, const TxnResponse&) {});
}

}  // namespace keelson::server
