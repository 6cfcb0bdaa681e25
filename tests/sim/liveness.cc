#include "tests/sim/liveness.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/etcd/rpc.pb.h"

namespace keelson::sim {
namespace {

using std::chrono::milliseconds;

// Ten of the longest election timeouts.
constexpr Duration kTimeToServe = std::chrono::seconds(20);
constexpr Duration kAskAgain = milliseconds(300);

class CoreAlone {
 public:
  explicit CoreAlone(SimCluster& cluster) : cluster_(cluster) {}

  void Run() {
    Choose();
    if (core_.empty()) return;
    cluster_.Count("cores left alone");
    cluster_.network().Heal();
    cluster_.network().SetOdds({});
    for (auto& member : cluster_.members()) {
      if (InCore(*member)) {
        cluster_.HealMember(*member);
      } else if (!member->retired()) {
        BreakForGood(*member);
      }
    }
    World& world = cluster_.world();
    begin_ = world.now();
    Ask();
    world.RunUntil(begin_ + kTimeToServe, [this] { return written_ && Unread().empty(); });
    over_ = true;
    if (!written_ || !Unread().empty()) Report();
    const auto took = std::chrono::duration_cast<milliseconds>(world.now() - begin_).count();
    cluster_.Count("milliseconds until cores served", static_cast<uint64_t>(took));
  }

 private:
  bool InCore(const SimMember& member) const {
    return std::find(core_.begin(), core_.end(), &member) != core_.end();
  }

  // Grows until it decides in every membership that may be in force; at times a little further.
  void Choose() {
    std::vector<SimMember*> candidates;
    for (auto& member : cluster_.members()) {
      if (!member->retired() && !member->wiped()) candidates.push_back(member.get());
    }
    Dice& dice = cluster_.dice();
    for (size_t i = candidates.size(); i > 1; --i) {
      std::swap(candidates[i - 1], candidates[dice.Below(i)]);
    }
    const auto decides = [this] {
      return cluster_.ledger().Decide([this](raft::NodeId id) {
        const SimMember* const member = cluster_.Find(id);
        return member != nullptr && InCore(*member);
      });
    };
    for (SimMember* const member : candidates) {
      if (decides() && !dice.OneIn(6)) break;
      core_.push_back(member);
    }
    if (!decides()) cluster_.truth().Violated("the cluster was left without a quorum of disks");
  }

  // Voters of the core that no read has succeeded on. A change that was under way may end the part
  // that some of them have.
  std::vector<SimMember*> Unread() {
    std::vector<SimMember*> unread;
    for (SimMember* const member : core_) {
      const bool votes = cluster_.ledger().membership().voters.contains(member->id());
      if (votes && !read_.contains(member)) unread.push_back(member);
    }
    return unread;
  }

  void BreakForGood(SimMember& member) {
    Dice& dice = cluster_.dice();
    const uint64_t how = dice.Below(6);
    if (how <= 1) {
      member.SetHeldDown(true);
      return how == 0 ? member.Crash() : member.PowerLoss();
    }
    if (how == 2) {
      if (member.up() && !member.paused()) member.Pause();
      return;
    }
    cluster_.StartLater(member, milliseconds(10));
    for (auto& other : cluster_.members()) {
      if (other.get() == &member) continue;
      if (how != 3) cluster_.network().Cut(member.id(), other->id());
      if (how != 4) cluster_.network().Cut(other->id(), member.id());
    }
  }

  // A new question every while, each to one member of the core; late answers count too.
  void Ask() {
    if (over_) return;
    cluster_.world().After(kAskAgain, [this] { Ask(); });
    if (!written_) {
      etcdserverpb::PutRequest put;
      put.set_key("core");
      put.set_value(absl::StrCat("core ", ++asked_));
      SimMember& member = *core_[cluster_.dice().Below(core_.size())];
      Call(member, "/etcdserverpb.KV/Put", put.SerializeAsString(), [this] { written_ = true; });
      return;
    }
    etcdserverpb::RangeRequest range;
    range.set_key("core");
    for (SimMember* const member : Unread()) {
      Call(*member, "/etcdserverpb.KV/Range", range.SerializeAsString(),
           [this, member] { read_.insert(member); });
    }
  }

  void Call(SimMember& member, const std::string& method, const std::string& request,
            std::function<void()> on_success) {
    member.Call(method, request, nullptr,
                [on_success = std::move(on_success)](const absl::Status& status) {
                  if (status.ok()) on_success();
                });
  }

  void Report() {
    std::string names;
    for (const SimMember* const member : core_) absl::StrAppend(&names, " ", member->name());
    cluster_.truth().Violated(absl::StrCat(
        "a core of", names, " does not serve ", written_ ? "reads" : "writes", " within ",
        std::chrono::duration_cast<std::chrono::seconds>(kTimeToServe).count(), " s"));
  }

  SimCluster& cluster_;
  std::vector<SimMember*> core_;
  std::set<const SimMember*> read_;
  Instant begin_;
  uint64_t asked_ = 0;
  bool written_ = false;
  bool over_ = false;
};

}  // namespace

void RunCoreAlone(SimCluster& cluster) {
  // The world still holds its late answers when it is over.
  auto core = std::make_shared<CoreAlone>(cluster);
  cluster.world().Keep(core);
  core->Run();
}

}  // namespace keelson::sim
