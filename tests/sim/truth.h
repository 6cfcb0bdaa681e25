// What really happened: every revision as it was first applied anywhere, and the rules that every
// answer to a client has to keep.
//
// All members must apply the same changes under the same revision, for ever: that alone finds a
// lost acknowledged write, since its revision would be filled by something else. Each write has a
// value of its own, so that a change names the operation it came from.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "storage/mvcc/types.h"
#include "tests/sim/world.h"

namespace keelson::sim {

class Truth {
 public:
  explicit Truth(World& world) : world_(world) {}

  // A member applied these, in order.
  void OnApplied(const std::string& member, std::span<const storage::Change> changes);

  // The newest revision applied anywhere.
  int64_t newest() const { return revisions_.empty() ? 1 : revisions_.rbegin()->first; }
  // The newest revision that a client has heard of by a linearizable answer.
  int64_t acknowledged() const { return acknowledged_; }
  void Acknowledge(int64_t revision);
  // The newest that a client had heard of by `moment`.
  int64_t AcknowledgedBy(Instant moment) const;

  // The pair of `key` at `revision`; nullopt where there is none.
  std::optional<storage::KeyValue> At(const std::string& key, int64_t revision) const;
  // All pairs of [begin, end) at `revision`, ascending.
  std::vector<storage::KeyValue> RangeAt(const std::string& begin, const std::string& end,
                                         int64_t revision) const;
  // The changes of `revision`; empty where it has none (yet).
  const std::vector<storage::Change>& ChangesOf(int64_t revision) const;
  // The first revision after `revision` that changes a key of [begin, end); 0: none yet.
  int64_t NextChange(const std::string& begin, const std::string& end, int64_t revision) const;

  // The revision at which a unique value was written; 0: never so far.
  int64_t RevisionOf(const std::string& value) const;
  // The write of `value` surely did not happen: it has not shown up and never must.
  void MustNotHappen(const std::string& value);
  // When the deletion of `key` at `revision` was first applied.
  Instant AppliedAt(int64_t revision) const { return applied_at_.at(revision); }

  // Reports the broken rule with the seed and ends the process.
  [[noreturn]] void Violated(const std::string& what) const;

 private:
  struct Version {
    int64_t revision;
    std::optional<storage::KeyValue> kv;  // nullopt: deleted
  };

  World& world_;
  int64_t acknowledged_ = 1;
  std::map<Instant, int64_t> acknowledged_at_;
  std::map<int64_t, std::vector<storage::Change>> revisions_;
  std::map<int64_t, Instant> applied_at_;
  std::map<std::string, std::vector<Version>> versions_;
  std::map<std::string, int64_t> values_;
  std::set<std::string> impossible_;
};

// The seed of the run, for messages of failed checks.
void SetSeedForReports(uint64_t seed);

}  // namespace keelson::sim
