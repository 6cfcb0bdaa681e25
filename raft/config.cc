#include "raft/config.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace keelson::raft {
namespace {

bool Overlap(const NodeSet& a, const NodeSet& b) {
  return std::any_of(a.begin(), a.end(), [&](NodeId id) { return b.contains(id); });
}

absl::Status Broken(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("configuration: ", what));
}

absl::Status ValidateSets(const Configuration& c) {
  if (Overlap(c.voters, c.learners)) return Broken("a voter is also a learner");
  if (Overlap(c.outgoing, c.learners)) return Broken("an outgoing voter is also a learner");
  if (Overlap(c.voters, c.learners_next)) return Broken("a voter is to become a learner");
  for (NodeId id : c.learners_next) {
    if (!c.outgoing.contains(id)) return Broken("a member to demote is no outgoing voter");
  }
  if (c.auto_leave && !c.IsJoint()) return Broken("auto_leave without a joint configuration");
  if (c.voters.empty() && !c.members.empty()) return Broken("members without a voter");
  return absl::OkStatus();
}

absl::Status ValidateMember(const MemberInfo& info) {
  const auto too_long = [](const std::string& s) {
    return s.size() > Configuration::kMaxStringBytes;
  };
  if (too_long(info.name)) return Broken("a name is too long");
  for (const auto* urls : {&info.peer_urls, &info.client_urls}) {
    if (urls->size() > Configuration::kMaxUrls) return Broken("a member has too many URLs");
    if (std::any_of(urls->begin(), urls->end(), too_long)) return Broken("a URL is too long");
  }
  return absl::OkStatus();
}

void AppendSet(std::string* out, absl::string_view name, const NodeSet& set) {
  if (set.empty()) return;
  absl::StrAppend(out, out->empty() ? "" : " ", name, "=(");
  absl::string_view separator;
  for (NodeId id : set) {
    absl::StrAppend(out, separator, id.value());
    separator = " ";
  }
  out->push_back(')');
}

}  // namespace

uint64_t Configuration::IncarnationOf(NodeId id) const {
  const auto found = members.find(id);
  return found == members.end() ? 0 : found->second.incarnation;
}

absl::Status ValidateConfiguration(const Configuration& c) {
  if (absl::Status status = ValidateSets(c); !status.ok()) return status;
  if (c.members.size() > Configuration::kMaxMembers) return Broken("too many members");
  if (c.removed.size() > Configuration::kMaxRemoved) return Broken("too many removed members");
  if (c.removed.contains(NodeId())) return Broken("member id 0 was removed");
  for (const NodeSet* set : {&c.voters, &c.outgoing, &c.learners}) {
    for (NodeId id : *set) {
      if (!c.members.contains(id)) return Broken("a voter or learner is no member");
    }
  }
  for (const auto& [id, info] : c.members) {
    if (id.IsNone()) return Broken("a member has id 0");
    if (!c.IsVoter(id) && !c.IsLearner(id)) return Broken("a member is neither voter nor learner");
    if (c.removed.contains(id)) return Broken("a member was removed before");
    if (absl::Status status = ValidateMember(info); !status.ok()) return status;
  }
  return absl::OkStatus();
}

std::string Describe(const Configuration& c) {
  std::string out;
  AppendSet(&out, "voters", c.voters);
  AppendSet(&out, "outgoing", c.outgoing);
  AppendSet(&out, "learners", c.learners);
  AppendSet(&out, "learners_next", c.learners_next);
  if (c.auto_leave) out.append(" auto_leave");
  AppendSet(&out, "removed", c.removed);
  for (const auto& [id, info] : c.members) {
    if (info.incarnation == 0) continue;
    absl::StrAppend(&out, " incarnation[", id.value(), "]=", info.incarnation);
  }
  return out.empty() ? "empty" : out;
}

}  // namespace keelson::raft
