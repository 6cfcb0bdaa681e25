#include "server/node/membership_desk.h"

#include <algorithm>
#include <utility>

#include "server/apply/errors.h"

namespace keelson::server {
namespace {

// As for other writes (Proposals::Limits).
constexpr Duration kTotal = std::chrono::seconds(7);
constexpr Duration kNeverSent = std::chrono::milliseconds(3000);
constexpr Duration kLeaderless = std::chrono::milliseconds(1500);

MemberOutcome OutcomeOf(const absl::Status& refusal) {
  switch (raft::RefusalOf(refusal).value_or(raft::Refusal::kNotLeader)) {
    case raft::Refusal::kNotLeader:
      return MemberOutcome::kNotLeader;
    case raft::Refusal::kLearnerNotReady:
      return MemberOutcome::kNotInSync;
    default:
      return MemberOutcome::kNotNow;
  }
}

}  // namespace

MembershipDesk::MembershipDesk(raft::Core& core, Node node)
    : core_(core),
      node_(std::move(node)),
      // An answer to a question of an earlier process must not be taken for one to this one's.
      last_sequence_(node_.boot_id) {}

void MembershipDesk::Ask(MemberChange change, Done done) {
  const uint64_t sequence = ++last_sequence_;
  Asked& asked = asked_[sequence];
  asked.question = {sequence, std::move(change)};
  asked.done = std::move(done);
  asked.since = node_.now();
  Try(sequence);
}

void MembershipDesk::Try(uint64_t sequence) {
  Asked& asked = asked_.at(sequence);
  if (core_.IsLeader()) {
    asked.state = State::kSent;
    return OnAnswer(AnswerAsLeader(asked.question));
  }
  const raft::NodeId leader = core_.leader();
  if (!leader.IsNone() && node_.send(leader, asked.question)) asked.state = State::kSent;
}

void MembershipDesk::OnQuestion(raft::NodeId from, const MemberQuestion& question) {
  node_.send(from, AnswerAsLeader(question));
}

MemberAnswer MembershipDesk::AnswerAsLeader(const MemberQuestion& question) {
  MemberAnswer answer;
  answer.sequence = question.sequence;
  answer.outcome = Begin(question.change, &answer);
  return answer;
}

MemberOutcome MembershipDesk::Begin(const MemberChange& change, MemberAnswer* answer) {
  if (!core_.IsLeader()) return MemberOutcome::kNotLeader;
  // Judged by what holds for good, under a reign that is known to last.
  const bool settled = core_.configuration_index() == core_.committed_configuration_index() &&
                       !core_.configuration().IsJoint();
  if (!settled || !core_.HasQuorumContact()) return MemberOutcome::kNotNow;
  const raft::Configuration& now = core_.configuration();
  const MemberOutcome outcome =
      CheckMemberChange(change, {node_.rules, now, core_.id(), node_.started, node_.connected});
  if (outcome != MemberOutcome::kBegun) return outcome;
  // Drawn, not computed from the URLs: an id that was removed never comes back, its URLs may.
  raft::NodeId added;
  do added = raft::NodeId(node_.random());
  while (added.IsNone() || now.IsMember(added) || now.removed.contains(added));
  const raft::ConfChange conf = ConfChangeOf(change, added, now);
  const auto entry = core_.ProposeConfChange({conf});
  if (!entry.ok()) return OutcomeOf(entry.status());
  answer->member = conf.node;
  answer->entry = *entry;
  return MemberOutcome::kBegun;
}

void MembershipDesk::OnAnswer(const MemberAnswer& answer) {
  const auto found = asked_.find(answer.sequence);
  if (found == asked_.end() || found->second.state != State::kSent) return;
  Asked& asked = found->second;
  switch (answer.outcome) {
    case MemberOutcome::kBegun:
      asked.state = State::kBegun;
      asked.member = answer.member;
      asked.entry = answer.entry;
      return FinishWhatIsPassed();
    case MemberOutcome::kNotLeader:
    case MemberOutcome::kNotNow:
      asked.state = State::kWaiting;  // the next tick asks again
      return;
    default:
      return Finish(answer.sequence, ErrorOf(answer.outcome));
  }
}

void MembershipDesk::OnApplied(const std::vector<raft::EntryId>& ids) {
  for (const uint64_t sequence : AllIn(State::kBegun)) {
    Asked& asked = asked_.at(sequence);
    const auto found = std::find_if(ids.begin(), ids.end(), [&asked](const raft::EntryId& id) {
      return id.index == asked.entry.index;
    });
    if (found == ids.end()) continue;
    if (found->term == asked.entry.term) {
      Finish(sequence, absl::OkStatus());
    } else {
      asked.state = State::kWaiting;  // its entry was overwritten before it was committed
    }
  }
}

// Adding a second voter can't be committed before that one has started, which needs to be told of
// the addition: the only voter so far has it on its disk, and no other can be elected without it.
bool MembershipDesk::IsSettledSecondVoter(const Asked& asked) const {
  if (asked.question.change.kind != MemberChange::Kind::kAddVoter) return false;
  const raft::NodeSet& voters = core_.committed_configuration().voters;
  return voters.size() == 1 && voters.contains(core_.id()) &&
         core_.configuration_index() == asked.entry.index &&
         core_.View().durable >= asked.entry.index;
}

// Of entries that were applied before this member knew whose they are, or came with a snapshot,
// only the effect tells.
void MembershipDesk::FinishWhatIsPassed() {
  for (const uint64_t sequence : AllIn(State::kBegun)) {
    const Asked& asked = asked_.at(sequence);
    if (IsSettledSecondVoter(asked)) {
      Finish(sequence, absl::OkStatus());
    } else if (core_.applied() >= asked.entry.index) {
      const bool shows =
          ShowsIn(asked.question.change, asked.member, core_.committed_configuration());
      Finish(sequence, shows ? absl::OkStatus() : errors::TimedOut());
    }
  }
}

absl::Status MembershipDesk::ExpiryError(const Asked& asked, Instant now,
                                         Instant leaderless_since) const {
  const Duration age = now - asked.since;
  const Duration leaderless = leaderless_since > now ? Duration(0) : now - leaderless_since;
  if (asked.state == State::kWaiting) {
    if (age > kNeverSent && core_.leader().IsNone()) return errors::NoLeader();
    return age > kTotal ? errors::TimedOut() : absl::OkStatus();
  }
  if (leaderless > kLeaderless && age > kLeaderless) return errors::TimedOutLeaderFailed();
  return age > kTotal ? errors::TimedOut() : absl::OkStatus();
}

void MembershipDesk::Tick(Instant leaderless_since) {
  if (asked_.empty()) return;
  FinishWhatIsPassed();
  for (const uint64_t sequence : AllIn(State::kWaiting)) {
    if (asked_.contains(sequence)) Try(sequence);
  }
  const Instant now = node_.now();
  std::vector<std::pair<uint64_t, absl::Status>> expired;
  for (const auto& [sequence, asked] : asked_) {
    const absl::Status error = ExpiryError(asked, now, leaderless_since);
    if (!error.ok()) expired.emplace_back(sequence, error);
  }
  for (const auto& [sequence, error] : expired) Finish(sequence, error);
}

std::vector<uint64_t> MembershipDesk::AllIn(State state) const {
  std::vector<uint64_t> all;
  for (const auto& [sequence, asked] : asked_) {
    if (asked.state == state) all.push_back(sequence);
  }
  return all;
}

void MembershipDesk::Finish(uint64_t sequence, const absl::Status& status) {
  const auto found = asked_.find(sequence);
  if (found == asked_.end()) return;
  const Asked asked = std::move(found->second);
  asked_.erase(found);
  asked.done(status, asked.member);
}

void MembershipDesk::FailAll(const absl::Status& status) {
  std::vector<uint64_t> all;
  for (const auto& [sequence, asked] : asked_) all.push_back(sequence);
  for (const uint64_t sequence : all) Finish(sequence, status);
}

}  // namespace keelson::server
