// What a client made by Client::WithPrefix or WithSession sees differently: keys under a prefix,
// and no state of the store older than one seen already.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "client/keelson/key_range.h"
#include "proto/etcd/rpc.pb.h"

namespace keelson::client::internal {

// The newest revision that a session has seen. Thread-safe.
class SessionRevision {
 public:
  int64_t last() const { return last_.load(std::memory_order_acquire); }
  void Saw(int64_t revision);

 private:
  std::atomic<int64_t> last_{0};
};

// Immutable but for the session's revision; shared by all handles of a view.
struct View {
  std::string prefix = {};
  std::shared_ptr<SessionRevision> session = {};  // null: no session

  int64_t seen() const { return session == nullptr ? 0 : session->last(); }
  void Saw(int64_t revision) const {
    if (session != nullptr) session->Saw(revision);
  }
  // From the view's names to the store's.
  KeyRange Enter(const KeyRange& range) const;
};

using ViewPtr = std::shared_ptr<const View>;

// The view of a client that is no view: never null.
ViewPtr PlainView();

// Requests: from the view's names to the store's.
void Enter(const View& view, etcdserverpb::RangeRequest& request);
void Enter(const View& view, etcdserverpb::PutRequest& request);
void Enter(const View& view, etcdserverpb::DeleteRangeRequest& request);
void Enter(const View& view, etcdserverpb::TxnRequest& request);

// Answers: back, and what revision they are of is remembered.
void Leave(const View& view, mvccpb::KeyValue& kv);
void Leave(const View& view, etcdserverpb::RangeResponse& response);
void Leave(const View& view, etcdserverpb::PutResponse& response);
void Leave(const View& view, etcdserverpb::DeleteRangeResponse& response);
void Leave(const View& view, etcdserverpb::TxnResponse& response);
void Leave(const View& view, etcdserverpb::LeaseTimeToLiveResponse& response);

}  // namespace keelson::client::internal
