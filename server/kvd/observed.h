// What kvd counts for /metrics beside what its parts count themselves.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "server/api/call.h"
#include "storage/mvcc/types.h"

namespace keelson::server {

// Loop thread only.
class Observed {
 public:
  // Of applied changes, this member's and others'.
  void OnApplied(std::span<const storage::Change> changes);
  // Of a call that is about to begin.
  void OnCall(const CallContext& context);
  // All methods, which outlive this: what kind each is.
  void SetMethods(const std::vector<const Method*>& methods);

  uint64_t puts() const { return puts_; }
  uint64_t deletes() const { return deletes_; }
  uint64_t put_bytes() const { return put_bytes_; }
  // Calls by the client's version of the API. Of versions only some are told apart, for clients may
  // say anything; the others count as "other".
  struct Client {
    std::string version;
    uint64_t unary = 0;
    uint64_t streams = 0;
  };
  const std::vector<Client>& clients() const { return clients_; }

 private:
  uint64_t puts_ = 0;
  uint64_t deletes_ = 0;
  uint64_t put_bytes_ = 0;
  absl::flat_hash_set<std::string_view> streams_;
  std::vector<Client> clients_;
};

}  // namespace keelson::server
