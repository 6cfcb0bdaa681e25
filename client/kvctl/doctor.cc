#include "client/kvctl/doctor.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/kvctl/text.h"

namespace keelson::kvctl {
namespace {

using Level = Finding::Level;
using Members = std::vector<MemberFacts>;

// A majority's sync is in the way of every write: with etcd's own advice of 10 ms as the border.
constexpr double kSlowSync = 0.010;
constexpr double kBadSync = 0.100;
constexpr uint64_t kSomeLag = 1000;
constexpr uint64_t kMuchLag = 10000;
constexpr double kQuotaWarning = 0.8;
constexpr absl::Duration kSlowRead = absl::Milliseconds(500);
constexpr absl::Duration kClockOff = absl::Seconds(2);
constexpr double kManyElections = 10;

class Doctor {
 public:
  Doctor(const Members& members, const std::vector<client::Alarm>& alarms)
      : members_(members), alarms_(alarms) {}

  std::vector<Finding> Diagnose() {
    Reach();
    Quorum();
    Leader();
    Lag();
    Disk();
    Quota();
    Alarms();
    Versions();
    Reads();
    Clocks();
    Elections();
    Shape();
    std::stable_sort(findings_.begin(), findings_.end(),
                     [](const Finding& a, const Finding& b) { return a.level > b.level; });
    return std::move(findings_);
  }

 private:
  void Add(Level level, const char* check, const std::string& member, const std::string& evidence,
           const std::string& advice) {
    findings_.push_back({level, check, member, evidence, advice});
  }

  void Fine(const char* check, const std::string& evidence) {
    Add(Level::kOk, check, "", evidence, "");
  }

  // Whether nothing was found since `before`.
  bool Clean(size_t before) const { return findings_.size() == before; }

  void Reach() {
    const size_t before = findings_.size();
    for (const MemberFacts& one : members_) {
      if (one.status) continue;
      // The kernel takes connections for a process that does nothing.
      const bool hangs = absl::StrContains(one.error, "SETTINGS") ||
                         absl::StrContains(one.error, "Deadline Exceeded");
      Add(Level::kFailure, "reach", one.name(), one.error,
          one.endpoint.empty() ? "start it with what `kvctl member add` printed, or remove it"
          : hangs ? "it hangs, or the network drops what is sent: is its process stopped, out of "
                    "memory or of disk?"
                  : "is it running, and is its client port open from here?");
    }
    if (Clean(before))
      Fine("reach", absl::StrCat(members_.size(), " of ", members_.size(), " members answer"));
  }

  static bool Votes(const MemberFacts& one) {
    return !one.member.is_learner && !(one.status && one.status->is_learner);
  }

  void Quorum() {
    size_t voters = 0;
    size_t alive = 0;
    for (const MemberFacts& one : members_) {
      if (!Votes(one)) continue;
      ++voters;
      if (one.status) ++alive;
    }
    const size_t majority = voters / 2 + 1;
    const std::string evidence =
        absl::StrCat(alive, " of ", voters, " voters answer, ", majority, " are a majority");
    if (alive < majority) {
      Add(Level::kFailure, "quorum", "", evidence,
          "start members until there is a majority; until then `kvctl get --serializable` reads. "
          "If they are lost for good: `kvd snapshot restore`");
    } else if (alive == majority && voters > 2) {
      Add(Level::kWarning, "quorum", "", evidence + ": one more failure stops writes",
          "bring back the members that are down");
    } else {
      Fine("quorum", evidence);
    }
  }

  void Leader() {
    std::map<uint64_t, std::vector<std::string>> believers;
    for (const MemberFacts& one : members_) {
      if (one.status) believers[one.status->leader].push_back(one.name());
    }
    const size_t before = findings_.size();
    if (believers.count(0) > 0) {
      Add(Level::kFailure, "leader", "",
          absl::StrCat("no leader is known to ", absl::StrJoin(believers[0], ", ")),
          "with a majority up it is a network that separates members: check the peer URLs in "
          "`kvctl member list` from each");
    }
    if (believers.size() > 1 + believers.count(0)) {
      Add(Level::kWarning, "leader", "", "members name different leaders",
          "an election may be going on; run this again");
    }
    if (Clean(before) && !believers.empty()) {
      Fine("leader", absl::StrCat(NameOf(believers.begin()->first), " leads, all agree"));
    }
  }

  std::string NameOf(uint64_t id) const {
    for (const MemberFacts& one : members_) {
      if (one.status && one.status->header.member_id == id) return one.name();
      if (one.member.id == id) return one.name();
    }
    return HexId(id);
  }

  void Lag() {
    uint64_t newest = 0;
    for (const MemberFacts& one : members_) {
      if (one.status) newest = std::max(newest, one.status->raft_applied_index);
    }
    const size_t before = findings_.size();
    for (const MemberFacts& one : members_) {
      if (!one.status) continue;
      const uint64_t lag = newest - one.status->raft_applied_index;
      if (lag < kSomeLag) continue;
      Add(lag < kMuchLag ? Level::kWarning : Level::kFailure, "lag", one.name(),
          absl::StrCat("it is ", lag, " entries behind"),
          "its disk or its network is slow, or it has just started; `kvctl top` shows whether it "
          "comes nearer");
    }
    if (Clean(before)) Fine("lag", absl::StrCat("nobody is ", kSomeLag, " entries behind"));
  }

  void Disk() {
    const size_t before = findings_.size();
    size_t told = 0;
    for (const MemberFacts& one : members_) {
      if (!one.metrics) continue;
      const auto p99 = one.metrics->Quantile("etcd_disk_wal_fsync_duration_seconds", 0.99);
      if (!p99) continue;
      ++told;
      if (*p99 <= kSlowSync * 1.7)
        continue;  // the bucket's bound, above the border by at most that
      Add(*p99 < kBadSync ? Level::kWarning : Level::kFailure, "disk", one.name(),
          std::isinf(*p99)
              ? std::string("1 % of the syncs of its log take longer than it counts")
              : absl::StrFormat("1 %% of the syncs of its log take over %.0f ms", *p99 * 1000 / 2),
          "give the data directory a faster disk, or one that nobody else uses");
    }
    if (told == 0) {
      Add(Level::kHint, "disk", "", "no member serves /metrics on its client port",
          "look at etcd_disk_wal_fsync_duration_seconds where it serves them");
    } else if (Clean(before)) {
      Fine("disk", absl::StrCat("99 % of the log's syncs are quick, as ", told, " of ",
                                members_.size(), " members tell"));
    }
  }

  static double QuotaOf(const MemberFacts& one) {
    if (one.status->db_size_quota > 0) return static_cast<double>(one.status->db_size_quota);
    return one.metrics ? one.metrics->Sum("etcd_server_quota_backend_bytes").value_or(0) : 0;
  }

  void Quota() {
    const size_t before = findings_.size();
    double fullest = 0;
    for (const MemberFacts& one : members_) {
      if (!one.status) continue;
      const double quota = QuotaOf(one);
      if (quota <= 0) continue;
      const double share = static_cast<double>(one.status->db_size) / quota;
      fullest = std::max(fullest, share);
      if (share < kQuotaWarning) continue;
      Add(share < 1 ? Level::kWarning : Level::kFailure, "quota", one.name(),
          absl::StrFormat("%s of %s are used (%.0f %%)", HumanBytes(one.status->db_size),
                          HumanBytes(static_cast<int64_t>(quota)), share * 100),
          "`kvctl tree --depth 1` shows what takes the room; delete, `kvctl compact`, or raise "
          "--quota-backend-bytes");
    }
    if (Clean(before)) Fine("quota", absl::StrFormat("at most %.0f %% are used", fullest * 100));
  }

  void Alarms() {
    for (const client::Alarm& alarm : alarms_) {
      const bool space = alarm.type == client::AlarmType::kNoSpace;
      Add(Level::kFailure, "alarm", NameOf(alarm.member_id), client::AlarmTypeName(alarm.type),
          space ? "make room (delete, `kvctl compact`, `kvctl defrag`), then `kvctl alarm disarm`"
                : "its data differ from the others': `kvctl member remove` it, wipe it, and add it "
                  "anew");
    }
    if (alarms_.empty()) Fine("alarm", "no alarm is raised");
    for (const MemberFacts& one : members_) {
      if (!one.status) continue;
      for (const std::string& error : one.status->errors) {
        Add(Level::kWarning, "errors", one.name(), error, "");
      }
    }
  }

  void Versions() {
    std::map<std::string, std::vector<std::string>> versions;
    for (const MemberFacts& one : members_) {
      if (one.status) versions[one.status->version].push_back(one.name());
    }
    if (versions.size() == 1) Fine("version", absl::StrCat("all run ", versions.begin()->first));
    if (versions.size() < 2) return;
    std::vector<std::string> parts;
    for (const auto& [version, names] : versions) {
      parts.push_back(absl::StrCat(version, ": ", absl::StrJoin(names, ", ")));
    }
    Add(Level::kWarning, "version", "", absl::StrJoin(parts, "; "),
        "finish the upgrade: until then the cluster works as the oldest version");
  }

  void Reads() {
    const size_t before = findings_.size();
    absl::Duration slowest;
    for (const MemberFacts& one : members_) {
      if (!one.status || one.health.endpoint.empty()) continue;
      slowest = std::max(slowest, one.health.took);
      if (!one.health.healthy) {
        Add(Level::kFailure, "read", one.name(),
            "it does not answer a linearizable read: " + one.health.error,
            "it has no contact with a leader, or the leader none with a majority");
      } else if (one.health.took > kSlowRead) {
        Add(Level::kWarning, "read", one.name(),
            "a linearizable read took " + HumanDuration(one.health.took),
            "a busy machine or a slow network between members");
      }
    }
    if (Clean(before)) {
      Fine("read", "linearizable reads take " + HumanDuration(slowest) + " at most");
    }
  }

  void Clocks() {
    const size_t before = findings_.size();
    size_t told = 0;
    for (const MemberFacts& one : members_) {
      if (!one.clock_ahead) continue;
      ++told;
      if (absl::AbsDuration(*one.clock_ahead) < kClockOff) continue;
      Add(Level::kWarning, "clock", one.name(),
          absl::StrCat("its clock is ", HumanDuration(absl::AbsDuration(*one.clock_ahead)),
                       *one.clock_ahead > absl::ZeroDuration() ? " ahead of" : " behind",
                       " this machine's"),
          "set up NTP there or here: certificates and logs need the time, the protocol does not");
    }
    if (told > 0 && Clean(before)) {
      Fine("clock", absl::StrCat(told, " of ", members_.size(), " agree with this machine's"));
    }
  }

  void Elections() {
    double most = 0;
    std::string where;
    for (const MemberFacts& one : members_) {
      if (!one.metrics) continue;
      const double seen = one.metrics->Sum("etcd_server_leader_changes_seen_total").value_or(0);
      if (seen > most) {
        most = seen;
        where = one.name();
      }
    }
    if (most < kManyElections) return;
    Add(Level::kWarning, "elections", where,
        absl::StrFormat("it has seen %.0f changes of the leader since it started", most),
        "a slow disk, a busy machine or a network that loses packets; a longer "
        "--election-timeout may help");
  }

  void Shape() {
    size_t voters = 0;
    for (const MemberFacts& one : members_) {
      if (Votes(one)) ++voters;
      if (one.member.is_learner && one.status) {
        Add(Level::kHint, "shape", one.name(), "it is a learner",
            "`kvctl member promote` once it has caught up");
      }
    }
    if (voters == 1) {
      Add(Level::kHint, "shape", "", "one voter: its failure is the cluster's",
          "three members survive the loss of one");
    } else if (voters > 0 && voters % 2 == 0) {
      Add(Level::kHint, "shape", "",
          absl::StrCat(voters, " voters survive no more failures than ", voters - 1),
          "an odd number is better");
    }
  }

  const Members& members_;
  const std::vector<client::Alarm>& alarms_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> Diagnose(const std::vector<MemberFacts>& members,
                              const std::vector<client::Alarm>& alarms) {
  return Doctor(members, alarms).Diagnose();
}

}  // namespace keelson::kvctl
