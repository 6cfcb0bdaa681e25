// Writes to a cluster without a pause, and remembers what was acknowledged and how long it took.
#pragma once

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "client/keelson/client.h"

namespace keelson::testing {

// A client of these members. Fails the test where there can't be one.
std::unique_ptr<client::Client> ClientOf(const std::vector<std::string>& endpoints);

// The keys "w/..." that one member has.
std::set<std::string> WrittenKeysAt(const std::string& endpoint);

// Writes key after key by whichever member serves, until it ends.
class LoadWriter {
 public:
  explicit LoadWriter(const std::vector<std::string>& endpoints);
  ~LoadWriter() { Stop(); }

  void Stop();
  // Whether writes are acknowledged now.
  bool GoesOn();

  // After Stop: the keys acknowledged, and the longest time without an acknowledgement.
  const std::set<std::string>& keys() const { return keys_; }
  absl::Duration longest_gap() const { return longest_gap_; }
  // After Stop. Fails the test for each key that one of the members has lost.
  void ExpectAllAt(const std::vector<std::string>& endpoints) const;

 private:
  void Run();

  std::unique_ptr<client::Client> client_;
  std::set<std::string> keys_;
  absl::Duration longest_gap_;
  std::atomic<int> acknowledged_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace keelson::testing
