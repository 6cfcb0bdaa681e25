// The composition root of kvd: the one place where the real world is bound to a node.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "server/apply/entry_version.h"
#include "server/kvd/flags.h"

namespace keelson::server {

class Kvd {
 public:
  // `entry_version` is the newest log entries that it reads: another than this build's makes it the
  // next version's, which tests of upgrades need.
  explicit Kvd(const KvdFlags& flags, uint32_t entry_version = kEntryVersion);
  ~Kvd();
  Kvd(const Kvd&) = delete;
  Kvd& operator=(const Kvd&) = delete;

  // Opens the data directory and the ports. Errors name the flag or file and what to do.
  absl::Status Open();

  // Serves until a signal or a fatal error; returns the latter, or OK. REQUIRES: Open was OK.
  absl::Status Run();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keelson::server
