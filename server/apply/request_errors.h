// The errors of writes that their clients named, Keelson's extension.
#pragma once

#include "absl/status/status.h"

namespace keelson::server::errors {

// InvalidArgument.
inline absl::Status InvalidRequestId() {
  return absl::InvalidArgumentError(
      "keelson: a request id is POSITION-NAME: a number, a hyphen, 1 to 64 printable characters");
}
inline absl::Status NoRequestIdHere() {
  return absl::InvalidArgumentError("keelson: this call takes no request id");
}
inline absl::Status RequestIdOfAnother() {
  return absl::InvalidArgumentError("keelson: the request id was used for another request");
}
inline absl::Status RequestIdOfTheFuture() {
  return absl::InvalidArgumentError(
      "keelson: the position in the request id is none that this cluster has told");
}

// AlreadyExists: it was applied.
inline absl::Status AnswerNotKept() {
  return absl::AlreadyExistsError(
      "keelson: the request was applied before; its answer was too large to be kept");
}

// Unavailable: whether the request was applied before nobody can tell. It was not now.
inline absl::Status RequestTooOld() {
  return absl::UnavailableError(
      "keelson: the request id is too old to tell whether its request was applied");
}
inline absl::Status NoRequestIdsYet() {
  return absl::UnavailableError(
      "keelson: request ids are taken once all members run a version that knows them");
}

}  // namespace keelson::server::errors
