#include "client/keelson/recipes/barrier.h"

#include "client/keelson/recipes/internal/claim.h"

namespace keelson::client::recipes {

Barrier::Barrier(const Client& client, const std::string& name) : client_(client), name_(name) {}

absl::Status Barrier::Raise(const LeaseSession* session, const CallOptions& call) const {
  Txn txn;
  txn.If(Compare::CreateRevision(name_).Equals(0));
  txn.Then(Op::Put(name_, "", {.lease = session == nullptr ? 0 : session->lease()}));
  return client_.kv().Commit(txn, call).status();
}

absl::Status Barrier::Lower(const CallOptions& call) const {
  return client_.kv().Delete(KeyRange::Key(name_), {}, call).status();
}

absl::Status Barrier::Wait(const WaitOptions& wait) const {
  internal::Patience patience(client_, wait);
  absl::Status give_up = patience.Check();
  while (give_up.ok()) {
    const auto got = patience.Await(
        client_.kv().GetAsync(KeyRange::Key(name_), {.keys_only = true}, patience.Call()));
    if (got.ok()) {
      if (got->kvs.empty()) return absl::OkStatus();
      const auto down = internal::AwaitDeletion(client_, name_, got->header.revision, patience);
      // For a moment is enough, also where it is up again.
      if (!down.ok()) return down.status();
      if (*down) return absl::OkStatus();
    } else if (internal::MayPass(got.status())) {
      give_up = patience.Pause();
    } else {
      return got.status();
    }
  }
  return give_up;
}

}  // namespace keelson::client::recipes
