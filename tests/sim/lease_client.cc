#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/clients.h"

namespace keelson::sim {

void LeaseClient::Again(Duration after) {
  cluster_.world().After(after, [this] { GrantOne(); });
}

void LeaseClient::GrantOne() {
  if (stopped_) return;
  constexpr int64_t kShortestTtl = 2;
  constexpr uint64_t kTtls = kLongestTtl.count() - kShortestTtl + 1;
  const int64_t ttl = kShortestTtl + static_cast<int64_t>(cluster_.dice().Below(kTtls));
  etcdserverpb::LeaseGrantRequest request;
  request.set_ttl(ttl);
  const Instant asked = cluster_.world().now();
  auto call = cluster_.AnyMember().Call(
      "/etcdserverpb.Lease/LeaseGrant", request.SerializeAsString(),
      [this, ttl, asked](const std::string& bytes) {
        etcdserverpb::LeaseGrantResponse response;
        response.ParseFromString(bytes);
        auto promise = std::make_shared<Promise>();
        promise->id = response.id();
        promise->until = asked + std::chrono::seconds(ttl);
        promise->keep_alives = static_cast<int>(cluster_.dice().Below(8));
        Attach(promise, ttl);
      },
      nullptr);
  Again(cluster_.dice().Between(std::chrono::milliseconds(200), std::chrono::seconds(2)));
}

void LeaseClient::Attach(PromisePtr promise, int64_t ttl) {
  promise->key = absl::StrCat("lease/", number_, "/", ++keys_);
  etcdserverpb::PutRequest request;
  request.set_key(promise->key);
  request.set_value("value of " + promise->key);
  request.set_lease(promise->id);
  promises_.push_back(promise);
  cluster_.AnyMember().Call("/etcdserverpb.KV/Put", request.SerializeAsString(), nullptr, nullptr);
  KeepAlive(promise, ttl);
}

void LeaseClient::KeepAlive(PromisePtr promise, int64_t ttl) {
  if (stopped_ || promise->keep_alives-- <= 0) return;
  etcdserverpb::LeaseKeepAliveRequest request;
  request.set_id(promise->id);
  const Instant asked = cluster_.world().now();
  auto call = cluster_.AnyMember().Call(
      "/etcdserverpb.Lease/LeaseKeepAlive", "",
      [this, promise, asked](const std::string& bytes) {
        etcdserverpb::LeaseKeepAliveResponse response;
        response.ParseFromString(bytes);
        if (response.ttl() <= 0) {
          cluster_.Count("keep-alives of an ended lease");
          return;
        }
        cluster_.Count("keep-alives");
        CheckNotEnded(*promise, "before its keep-alive was answered");
        promise->until = std::max(promise->until, asked + std::chrono::seconds(response.ttl()));
      },
      nullptr);
  if (call != nullptr) call->Message(request.SerializeAsString());
  const Duration pause =
      cluster_.dice().Between(std::chrono::milliseconds(300), std::chrono::milliseconds(600 * ttl));
  cluster_.world().After(pause, [this, promise, ttl] { KeepAlive(promise, ttl); });
}

void LeaseClient::CheckNotEnded(const Promise& promise, const char* when) const {
  const Truth& truth = cluster_.truth();
  const int64_t written = truth.RevisionOf("value of " + promise.key);
  if (written == 0) return;
  const auto end = promise.key + std::string(1, '\0');
  const int64_t deleted = truth.NextChange(promise.key, end, written);
  if (deleted == 0 || truth.AppliedAt(deleted) >= promise.until) return;
  truth.Violated(absl::StrCat("lease ", promise.id, " ended at ",
                              truth.AppliedAt(deleted).nanos / 1000000, " ms, ", when,
                              "; it was promised until ", promise.until.nanos / 1000000, " ms"));
}

bool LeaseClient::Lives(const Promise& promise) const {
  return cluster_.truth().At(promise.key, cluster_.truth().newest()).has_value();
}

bool LeaseClient::AllEnded() const {
  return std::none_of(promises_.begin(), promises_.end(),
                      [this](const PromisePtr& promise) { return Lives(*promise); });
}

void LeaseClient::CheckAtEnd() {
  const Truth& truth = cluster_.truth();
  for (const PromisePtr& promise : promises_) {
    CheckNotEnded(*promise, "too early");
    if (truth.RevisionOf("value of " + promise->key) == 0) continue;
    if (Lives(*promise)) {
      truth.Violated(absl::StrCat("lease ", promise->id, " never ended"));
    }
    cluster_.Count("leases that ended");
  }
}

}  // namespace keelson::sim
