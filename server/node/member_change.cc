#include "server/node/member_change.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/view.h"
#include "server/apply/errors.h"

namespace keelson::server {
namespace {

using Kind = MemberChange::Kind;

bool InUse(const std::vector<std::string>& urls, raft::NodeId by_others_than,
           const raft::Configuration& now) {
  for (const auto& [id, info] : now.members) {
    if (id == by_others_than) continue;
    for (const std::string& url : info.peer_urls) {
      if (std::find(urls.begin(), urls.end(), url) != urls.end()) return true;
    }
  }
  return false;
}

// Voters that have started, without `left_out`.
size_t Started(const MembersSeen& seen, raft::NodeId left_out = raft::NodeId()) {
  size_t count = 0;
  for (const raft::NodeId id : seen.now.voters) count += id != left_out && seen.started(id) ? 1 : 0;
  return count;
}

size_t Connected(const MembersSeen& seen) {
  size_t count = 0;
  for (const raft::NodeId id : seen.now.voters) {
    count += id == seen.self || seen.connected(id) ? 1 : 0;
  }
  return count;
}

constexpr size_t QuorumOf(size_t voters) { return voters / 2 + 1; }

MemberOutcome CheckAddition(const MemberChange& change, const MembersSeen& seen) {
  const size_t voters = seen.now.voters.size();
  const bool voter = change.kind == Kind::kAddVoter;
  if (seen.rules.strict) {
    // The second voter is waited for; without this a cluster of one could not grow.
    const bool second = voters == 1 && Started(seen) == 1;
    // The others go on meanwhile: a new voter counts before it has started, a learner never.
    const size_t quorum = QuorumOf(voter && !second ? voters + 1 : voters);
    if (voter && Started(seen) < quorum) return MemberOutcome::kNotEnoughStarted;
    if (Connected(seen) < quorum) return MemberOutcome::kUnhealthy;
  }
  if (InUse(change.peer_urls, raft::NodeId(), seen.now)) return MemberOutcome::kUrlsInUse;
  if (!voter && seen.now.learners.size() >= seen.rules.max_learners)
    return MemberOutcome::kTooManyLearners;
  if (seen.now.members.size() >= raft::Configuration::kMaxMembers) {
    return MemberOutcome::kTooManyMembers;
  }
  return MemberOutcome::kBegun;
}

MemberOutcome CheckPromotion(const MemberChange& change, const MembersSeen& seen) {
  if (!seen.now.IsLearner(change.member)) return MemberOutcome::kNotLearner;
  // One that is in sync has started, whether or not it has said its name.
  const bool enough =
      !seen.rules.strict || Started(seen) + 1 >= QuorumOf(seen.now.voters.size() + 1);
  return enough ? MemberOutcome::kBegun : MemberOutcome::kNotEnoughStarted;
}

MemberOutcome CheckRemoval(const MemberChange& change, const MembersSeen& seen) {
  if (seen.now.IsLearner(change.member)) return MemberOutcome::kBegun;
  const size_t left = seen.now.voters.size() - 1;
  if (left > 0 && !seen.rules.strict) return MemberOutcome::kBegun;
  if (Started(seen, change.member) < QuorumOf(left)) return MemberOutcome::kNotEnoughStarted;
  // Who is down takes nothing from the quorum that works.
  if (change.member != seen.self && !seen.connected(change.member)) return MemberOutcome::kBegun;
  return Connected(seen) - 1 < QuorumOf(left) ? MemberOutcome::kUnhealthy : MemberOutcome::kBegun;
}

bool IsPeerUrl(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  if (url.size() > raft::Configuration::kMaxStringBytes) return false;
  if (url.substr(0, kScheme.size()) != kScheme) return false;
  url.remove_prefix(kScheme.size());
  const size_t colon = url.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view host = url.substr(0, colon);
  const bool wrong = std::any_of(host.begin(), host.end(), [](unsigned char c) {
    return !absl::ascii_isgraph(c) || std::string_view("/@?#,").find(c) != std::string_view::npos;
  });
  const std::string_view digits = url.substr(colon + 1);
  int port = 0;
  return !wrong && std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit) &&
         absl::SimpleAtoi(ToAbsl(digits), &port) && port > 0 && port <= UINT16_MAX;
}

}  // namespace

absl::Status ErrorOf(MemberOutcome outcome) {
  switch (outcome) {
    case MemberOutcome::kNotFound:
      return errors::MemberNotFound();
    case MemberOutcome::kUrlsInUse:
      return errors::PeerUrlsExist();
    case MemberOutcome::kTooManyLearners:
      return errors::TooManyLearners();
    case MemberOutcome::kNotEnoughStarted:
      return errors::NotEnoughStartedMembers();
    case MemberOutcome::kUnhealthy:
      return errors::UnhealthyCluster();
    case MemberOutcome::kNotLearner:
      return errors::MemberNotLearner();
    case MemberOutcome::kNotInSync:
      return errors::LearnerNotReady();
    case MemberOutcome::kTooManyMembers:
      return absl::FailedPreconditionError(absl::StrCat(
          "etcdserver: a cluster has at most ", raft::Configuration::kMaxMembers, " members"));
    case MemberOutcome::kBegun:
    case MemberOutcome::kNotLeader:
    case MemberOutcome::kNotNow:
      break;
  }
  KEELSON_CHECK(false, "the outcome is an error");
}

MemberOutcome CheckMemberChange(const MemberChange& change, const MembersSeen& seen) {
  const bool adds = change.kind == Kind::kAddVoter || change.kind == Kind::kAddLearner;
  if (adds) return CheckAddition(change, seen);
  if (!seen.now.IsMember(change.member)) return MemberOutcome::kNotFound;
  if (change.kind == Kind::kPromote) return CheckPromotion(change, seen);
  if (change.kind == Kind::kRemove) return CheckRemoval(change, seen);
  return InUse(change.peer_urls, change.member, seen.now) ? MemberOutcome::kUrlsInUse
                                                          : MemberOutcome::kBegun;
}

raft::ConfChange ConfChangeOf(const MemberChange& change, raft::NodeId added,
                              const raft::Configuration& now) {
  raft::ConfChange result;
  result.node = change.member;
  switch (change.kind) {
    case Kind::kAddVoter:
    case Kind::kAddLearner:
      result.type = change.kind == Kind::kAddVoter ? raft::ConfChangeType::kAddVoter
                                                   : raft::ConfChangeType::kAddLearner;
      result.node = added;
      result.info.peer_urls = change.peer_urls;
      return result;
    case Kind::kPromote:
      result.type = raft::ConfChangeType::kPromote;
      return result;
    case Kind::kRemove:
      result.type = raft::ConfChangeType::kRemove;
      return result;
    case Kind::kUpdate:
      break;
  }
  result.type = raft::ConfChangeType::kUpdateMember;
  result.info = now.members.at(change.member);
  result.info.peer_urls = change.peer_urls;
  return result;
}

bool ShowsIn(const MemberChange& change, raft::NodeId member, const raft::Configuration& now) {
  if (change.kind == Kind::kRemove) return !now.IsMember(member);
  const auto found = now.members.find(member);
  if (found == now.members.end()) return now.removed.contains(member);
  switch (change.kind) {
    case Kind::kPromote:
      return now.IsVoter(member);
    case Kind::kUpdate:
      return found->second.peer_urls == change.peer_urls;
    default:
      return true;
  }
}

bool ArePeerUrls(const std::vector<std::string>& urls) {
  if (urls.empty() || urls.size() > raft::Configuration::kMaxUrls) return false;
  if (std::set<std::string>(urls.begin(), urls.end()).size() != urls.size()) return false;
  return std::all_of(urls.begin(), urls.end(), IsPeerUrl);
}

}  // namespace keelson::server
