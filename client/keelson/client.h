// The door to a cluster: one per process is enough, and it is thread-safe.
//
//   auto client = keelson::client::Client::Create({.endpoints = {"10.0.0.1:2379",
//   "10.0.0.2:2379"}}); if (!client.ok()) ... auto put = (*client)->kv().Put("greeting", "hello");
//   if (!put.ok() && OutcomeOf(put.status()) == Outcome::kUnknown) ...  // read before you act
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/keelson/cluster.h"
#include "client/keelson/endpoints.h"
#include "client/keelson/kv.h"
#include "client/keelson/lease.h"
#include "client/keelson/maintenance.h"
#include "client/keelson/options.h"
#include "client/keelson/outcome.h"
#include "client/keelson/watch.h"

namespace keelson::client {

class Client {
 public:
  // Checks the options; connects when first needed. InvalidArgument names the bad option.
  static absl::StatusOr<std::unique_ptr<Client>> Create(ClientOptions options);

  // On a core made elsewhere. REQUIRES: its scheduler runs on a thread of its own.
  explicit Client(std::shared_ptr<internal::Core> core);
  // Waits for what the client's own thread is doing. Handles and watchers may outlive the client.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Kv kv() const { return Kv(core_, view_); }
  Leases leases() const { return Leases(core_, view_); }
  Cluster cluster() const { return Cluster(core_); }
  Maintenance maintenance() const { return Maintenance(core_); }

  // The members' addresses and what is known of each, in order.
  std::vector<EndpointState> Endpoints() const;

  // A client whose keys are those of this one under `prefix`: kv(), Watch() and the keys of leases
  // give and take names without it, and see nothing else. Of the same connections; it may outlive
  // this one. A view of a view is one under both prefixes, the outer first. REQUIRES: not empty.
  std::unique_ptr<Client> WithPrefix(const std::string& prefix) const;

  // A client that never reads an older state of the store than it has seen: its own writes and
  // whatever its reads and watches have shown, on any member, also with stale answers. Against
  // etcd, too. Reads wait for a member that has come so far, within their deadline. Of the same
  // connections. Each call begins a session of its own.
  std::unique_ptr<Client> WithSession() const;

  // Whether the caller is one of the client's own callbacks, where nothing may block.
  bool InCallback() const;

  // Watches all `targets` on one stream. Never fails at once: Watcher::Next reports what happens.
  // REQUIRES: `targets` is not empty.
  std::unique_ptr<Watcher> Watch(std::vector<WatchTarget> targets, WatchOptions options = {}) const;

  // One range from its next change on, or from `start_revision`.
  std::unique_ptr<Watcher> Watch(const KeyRange& range, int64_t start_revision = 0) const;

 private:
  Client(std::shared_ptr<internal::Core> core, std::shared_ptr<const internal::View> view);

  std::shared_ptr<internal::Core> core_;
  std::shared_ptr<const internal::View> view_;
};

}  // namespace keelson::client
