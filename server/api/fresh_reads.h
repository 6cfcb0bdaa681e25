// Reads that say how old they are, and those that may not be too old (design D5). Keelson's
// extension of every read RPC, asked for by request metadata; a call without it is not touched.
//
//   keelson-max-age-ms: N     the answer may be N milliseconds old; one that can't promise that
//                             fails with FailedPrecondition and the age that could be promised
//   keelson-min-revision: N   the answer waits, as long as its caller does, for revision N
//
// Either brings, as metadata of the answer:
//
//   keelson-age-ms: N         every write acknowledged N milliseconds ago or earlier is visible;
//                             absent where that is unknown
//   keelson-quorum: true      this member heard of a quorum within an election timeout; else false
//
// A linearizable read is as old as its request; it is never refused for its age. What a named write
// that also reads is answered again (write.h) is of unknown age. A watch stream has an age in each
// answer that says how far it is (fresh_watch.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "server/api/call.h"

namespace keelson::server {

class Methods;
class Node;

// Loop thread only.
class FreshReads {
 public:
  // `node` outlives the calls.
  explicit FreshReads(Node& node) : node_(node) {}

  // Extends the methods that read. REQUIRES: those of KV, Watch, Lease, Cluster, Maintenance and
  // Election have been added.
  void Extend(Methods& methods);

 private:
  using Start = std::function<void(std::shared_ptr<Call>, std::string_view request)>;
  void Begin(std::shared_ptr<Call> call, std::string_view request, bool linearizable,
             const Start& start);

  Node& node_;
};

}  // namespace keelson::server
