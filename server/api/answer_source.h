// An answer that is made in slices and sent in parts, so that its size costs neither the loop's
// time nor memory.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage/mvcc/types.h"

namespace keelson::server {

// The bytes of one response message, its header (always field 1) left out. First it is measured,
// since the size of a message is sent before its bytes; then it is handed out part by part.
//
//   Measure ... Measure: true --> size() --> NextPart ... NextPart: null
//
// May be used from any thread, by one at a time.
class AnswerSource {
 public:
  using Part = std::shared_ptr<const std::string>;

  virtual ~AnswerSource() = default;

  // Works for one slice. True as soon as the size is known. Errors are the wire's.
  virtual absl::StatusOr<bool> Measure(const storage::SliceBudget& budget) = 0;

  // REQUIRES: Measure returned true.
  virtual size_t size() const = 0;

  // The next part, made in one slice at most; it may be empty. Null once all size() bytes are out.
  // REQUIRES: Measure returned true.
  virtual absl::StatusOr<Part> NextPart(const storage::SliceBudget& budget) = 0;
};

}  // namespace keelson::server
