// Small facts that all members share: alarms, what members say of themselves, the cluster version.
//
// They live in the store's meta records; this class is their copy in memory. It changes only by
// applying entries and by loading a store, so it is equal on all members at the same applied index.
// Loop thread only.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/apply/entry_version.h"

namespace keelson::v1 {
class MemberAttributes;
}
namespace keelson::storage {
class ApplyBatch;
class MvccStore;
}  // namespace keelson::storage

namespace keelson::server {

// The numbers of etcdserverpb.AlarmType, and an own kind: the disk of one member is full. That one
// does not stop the others; clients are shown kNoSpace.
enum class AlarmKind : int { kNone = 0, kNoSpace = 1, kCorrupt = 2, kDiskFull = 1000 };

struct MemberFacts {
  std::string name;
  std::vector<std::string> client_urls;
  uint32_t version = kFirstEntryVersion;  // the newest log entries that it reads
};

MemberFacts FactsOf(const v1::MemberAttributes& said);

class ClusterFacts {
 public:
  using Alarm = std::pair<uint64_t, AlarmKind>;  // member, kind

  // Replaces everything by what the store holds.
  absl::Status Load(const storage::MvccStore& store);

  // Returns whether it changed anything.
  bool RaiseAlarm(uint64_t member, AlarmKind kind, storage::ApplyBatch& batch);
  bool ClearAlarm(uint64_t member, AlarmKind kind, storage::ApplyBatch& batch);
  void SetMember(uint64_t member, MemberFacts facts, storage::ApplyBatch& batch);
  // Only rises; a lower one changes nothing.
  void SetVersion(uint32_t version, storage::ApplyBatch& batch);

  // Forgets the members and their alarms: the store goes to another cluster.
  void ForgetMembers(storage::ApplyBatch& batch);

  bool HasAlarm(AlarmKind kind) const;
  bool HasAlarm(uint64_t member, AlarmKind kind) const { return alarms_.contains({member, kind}); }
  // Its data is known to be wrong: it alone is out of service.
  bool IsOutOfService(uint64_t member) const;
  // A corruption of which nobody knows whose it is: the cluster takes no writes.
  bool IsClusterCorrupt() const;
  const std::set<Alarm>& alarms() const { return alarms_; }
  // With the kinds that clients know only.
  std::set<Alarm> AlarmsForClients() const;
  // Null for a member that has not said anything yet.
  const MemberFacts* FindMember(uint64_t member) const;
  // The newest log entries that all members read; 0: the first leader has not said yet.
  uint32_t version() const { return version_; }

 private:
  void SaveAlarms(storage::ApplyBatch& batch) const;

  std::set<Alarm> alarms_;
  std::map<uint64_t, MemberFacts> members_;
  uint32_t version_ = 0;
};

}  // namespace keelson::server
