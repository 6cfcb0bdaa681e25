// A read by its ReadOptions: fresh enough, or stale where that is allowed and nothing else is to be
// had; and what is known of the age of its answer.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/keelson/internal/core.h"
#include "client/keelson/read.h"

namespace keelson::client::internal {

struct ReadRequest {
  std::string method = {};
  std::string body = {};
  bool linearizable = true;  // what `body` asks for
  // The same question to one member alone. None: there is no such, or `body` is that already.
  std::optional<std::string> stale_body = {};
  absl::Duration timeout = absl::ZeroDuration();
  ReadOptions options = {};
  // What a stale answer has to reach, besides options.min_revision: a session's last revision.
  int64_t seen_revision = 0;
  std::shared_ptr<Cancellation> cancellation = {};
};

struct ReadAnswer {
  std::string body = {};
  Freshness freshness = {};  // the revision is left to whoever reads the body
};

using ReadDone = std::function<void(absl::StatusOr<ReadAnswer>)>;

// `done` comes once, on the scheduler's thread.
void StartRead(const std::shared_ptr<Core>& core, ReadRequest request, ReadDone done);

}  // namespace keelson::client::internal
