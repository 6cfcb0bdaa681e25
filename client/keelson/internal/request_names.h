// Names for writes, by which a Keelson cluster applies each once however often it is sent
// (server/api/README.md, "Writes that are applied once").
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "client/keelson/internal/scheduler.h"
#include "client/keelson/internal/transport.h"

namespace keelson::client::internal {

// Request metadata that carries the name.
inline constexpr char kRequestIdKey[] = "keelson-request-id";

// Whether calls of `method` can be named.
bool CanBeNamed(std::string_view method);

// What an answer says of the name of its request.
enum class NameOutcome {
  kNone,  // nothing: the request was not named, never came to the log, or the member is no Keelson
  kDecided,  // the log has decided: what the answer says is what became of the request
  kTooOld,   // not applied now; nobody can say any more whether it was before
};
NameOutcome NameOutcomeOf(const Metadata& answer);

// Whether a refusal says that the position in the name is none of this cluster's, or that not all
// of its members know names yet. Neither was applied.
bool IsForeignPosition(const absl::Status& status);
bool IsTooEarlyForNames(const absl::Status& status);

// One client's names. Thread-safe.
//
//   unknown --Heard() of a name's outcome--> yes
//      |  ^----------Forget()-----------------'
//      +--Deny()--> no
class RequestNames {
 public:
  enum class Support { kUnknown, kNo, kYes };

  // `client` tells this client from all others.
  explicit RequestNames(std::string client) : client_(std::move(client)) {}

  // A name that no other request has: POSITION-CLIENT.NUMBER.
  std::string Make();
  // Takes what an answer says.
  void Heard(const Metadata& answer);
  // The cluster takes no notice of names.
  void Deny();
  // Not all of its members know names yet: none for a second, as each would cost an answer.
  void NotYet(Instant now);
  // Whether it is worth while to name a write.
  bool IsWanted(Instant now) const;
  // It is another cluster than before.
  void Forget();
  Support support() const;

 private:
  const std::string client_;
  mutable std::mutex mutex_;  // guards what follows
  Support support_ = Support::kUnknown;
  uint64_t position_ = 0;  // the last one that the cluster has told
  uint64_t number_ = 0;    // of the last name
  Instant not_before_ = absl::ZeroDuration();
};

}  // namespace keelson::client::internal
