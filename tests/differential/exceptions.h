// The differences that are meant, each with its reason. Everything else is a failure.
//
// The reference is Debian's etcd 3.4.23; where etcd 3.6 behaves otherwise, 3.6 holds.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/differential/server.h"
#include "tests/differential/watch_script.h"

namespace keelson::differential {

// Two answers that differ.
struct Difference {
  const Request* request = nullptr;  // null for a watch
  Answer reference = {};
  Answer subject = {};
  const WatchScript* script = nullptr;  // null for a request
  std::string reference_text = {};
  std::string subject_text = {};
};

struct Exception {
  const char* name;
  const char* reason;
  bool (*explains)(const Difference& difference);
};

const std::vector<Exception>& AllExceptions();

// The first exception that explains the difference.
const Exception* FindException(const Difference& difference);

}  // namespace keelson::differential
