#include "server/apply/cluster_facts.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/view.h"
#include "proto/etcd/rpc.pb.h"
#include "proto/keelson/entry.pb.h"
#include "storage/mvcc/apply_batch.h"
#include "storage/mvcc/mvcc_store.h"

namespace keelson::server {
namespace {

constexpr std::string_view kAlarms = "alarms";            // an AlarmResponse
constexpr std::string_view kMemberPrefix = "member/";     // + decimal id: a MemberAttributes
constexpr std::string_view kVersion = "cluster_version";  // decimal

absl::Status Damaged(std::string_view name) {
  return absl::DataLossError(absl::StrCat("meta record \"", ToAbsl(name), "\" can't be read"));
}

}  // namespace

MemberFacts FactsOf(const v1::MemberAttributes& said) {
  return {said.name(),
          {said.client_urls().begin(), said.client_urls().end()},
          std::max(said.version(), kFirstEntryVersion)};
}

absl::Status ClusterFacts::Load(const storage::MvccStore& store) {
  alarms_.clear();
  members_.clear();
  version_ = 0;
  const auto alarms = store.GetMeta(kAlarms);
  if (!alarms.ok()) return alarms.status();
  etcdserverpb::AlarmResponse list;
  if (alarms->has_value() && !list.ParseFromString(**alarms)) return Damaged(kAlarms);
  for (const auto& alarm : list.alarms()) {
    alarms_.emplace(alarm.memberid(), static_cast<AlarmKind>(alarm.alarm()));
  }
  const auto version = store.GetMeta(kVersion);
  if (!version.ok()) return version.status();
  if (version->has_value() && !absl::SimpleAtoi(**version, &version_)) return Damaged(kVersion);
  absl::Status result;
  const auto visit = [&](std::string_view name, std::string_view value) {
    v1::MemberAttributes said;
    const bool readable = said.ParseFromArray(value.data(), static_cast<int>(value.size()));
    members_[said.member()] = FactsOf(said);
    if (!readable && result.ok()) result = Damaged(name);
  };
  const absl::Status status = store.ForEachMeta(kMemberPrefix, visit);
  return status.ok() ? result : status;
}

bool ClusterFacts::RaiseAlarm(uint64_t member, AlarmKind kind, storage::ApplyBatch& batch) {
  if (kind == AlarmKind::kNone || !alarms_.emplace(member, kind).second) return false;
  SaveAlarms(batch);
  return true;
}

bool ClusterFacts::ClearAlarm(uint64_t member, AlarmKind kind, storage::ApplyBatch& batch) {
  if (alarms_.erase({member, kind}) == 0) return false;
  SaveAlarms(batch);
  return true;
}

void ClusterFacts::SaveAlarms(storage::ApplyBatch& batch) const {
  etcdserverpb::AlarmResponse list;
  for (const auto& [member, kind] : alarms_) {
    auto* alarm = list.add_alarms();
    alarm->set_memberid(member);
    alarm->set_alarm(static_cast<etcdserverpb::AlarmType>(kind));
  }
  batch.PutMeta(kAlarms, list.SerializeAsString());
}

void ClusterFacts::SetMember(uint64_t member, MemberFacts facts, storage::ApplyBatch& batch) {
  v1::MemberAttributes said;
  said.set_member(member);
  said.set_name(facts.name);
  said.set_version(facts.version);
  for (const std::string& url : facts.client_urls) said.add_client_urls(url);
  batch.PutMeta(absl::StrCat(ToAbsl(kMemberPrefix), member), said.SerializeAsString());
  members_[member] = std::move(facts);
}

void ClusterFacts::SetVersion(uint32_t version, storage::ApplyBatch& batch) {
  if (version <= version_) return;
  version_ = version;
  batch.PutMeta(kVersion, absl::StrCat(version));
}

void ClusterFacts::ForgetMembers(storage::ApplyBatch& batch) {
  for (const auto& [member, facts] : members_) {
    batch.DeleteMeta(absl::StrCat(ToAbsl(kMemberPrefix), member));
  }
  batch.DeleteMeta(kAlarms);
  members_.clear();
  alarms_.clear();
}

bool ClusterFacts::IsOutOfService(uint64_t member) const {
  return version_ >= kOneMemberCorruptVersion && members_.contains(member) &&
         HasAlarm(member, AlarmKind::kCorrupt);
}

bool ClusterFacts::IsClusterCorrupt() const {
  return std::any_of(alarms_.begin(), alarms_.end(), [this](const Alarm& alarm) {
    return alarm.second == AlarmKind::kCorrupt && !IsOutOfService(alarm.first);
  });
}

bool ClusterFacts::HasAlarm(AlarmKind kind) const {
  return std::any_of(alarms_.begin(), alarms_.end(),
                     [kind](const Alarm& alarm) { return alarm.second == kind; });
}

std::set<ClusterFacts::Alarm> ClusterFacts::AlarmsForClients() const {
  std::set<Alarm> shown;
  for (const auto& [member, kind] : alarms_) {
    shown.emplace(member, kind == AlarmKind::kDiskFull ? AlarmKind::kNoSpace : kind);
  }
  return shown;
}

const MemberFacts* ClusterFacts::FindMember(uint64_t member) const {
  const auto found = members_.find(member);
  return found == members_.end() ? nullptr : &found->second;
}

}  // namespace keelson::server
