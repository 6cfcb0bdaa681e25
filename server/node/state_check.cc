#include "server/node/state_check.h"

#include <algorithm>
#include <utility>

#include "raft/quorum.h"

namespace keelson::server {

StateCheck::StateCheck(Environment environment, Limits limits)
    : environment_(std::move(environment)), limits_(limits), sequence_(environment_.boot_id) {}
StateCheck::~StateCheck() = default;

void StateCheck::Hash(std::shared_ptr<PieceHash> hash, HashDone done) {
  auto result = std::make_shared<absl::StatusOr<bool>>(false);
  environment_.runner->Run(
      Runner::Lane::kRead, [hash, result] { *result = hash->Step({}); },
      [this, alive = std::weak_ptr<char>(alive_), hash, result, done = std::move(done)] {
        if (alive.expired()) return;
        if (result->ok() && !**result) return Hash(hash, done);
        done(result->status(), *hash);
      });
}

void StateCheck::Tick(Instant now, bool leads) {
  AnswerPending(now);
  if (!leads || limits_.walk == Duration(0)) return Reset();
  if (phase_ == Phase::kWaiting && now >= due_) return Begin(now);
  const bool late = now - asked_at_ > limits_.answer_within;
  if (phase_ == Phase::kAsking && (late || AllAskedAnswered())) Judge(now);
}

// A new leader begins anew, and what was under way is not waited for.
void StateCheck::Reset() {
  phase_ = Phase::kWaiting;
  piece_ = {};
  ++sequence_;
  differs_since_.reset();
}

// A piece of pairs ends where the limit ends it.
StatePiece StateCheck::NextPiece(const storage::ReadView& view) const {
  StatePiece piece = piece_;
  piece.revision = view.revision();
  if (piece.kind == StatePiece::Kind::kPairs) return piece;
  const int64_t kept = std::max<int64_t>(view.compact_revision(), 0) + 1;
  piece.first_revision = std::max(piece.first_revision, kept);
  piece.revision = std::min(piece.revision, piece.first_revision + limits_.changes - 1);
  return piece;
}

void StateCheck::Begin(Instant now) {
  const storage::ReadViewPtr view = environment_.view();
  const bool first = piece_.kind == StatePiece::Kind::kPairs && piece_.begin.empty();
  if (first && !differs_since_) {
    walk_began_ = now;
    walk_revision_ = view->revision();
  }
  applied_ = view->applied().index;
  revision_ = view->revision();
  piece_ = NextPiece(*view);
  if (piece_.kind == StatePiece::Kind::kChanges && piece_.first_revision > piece_.revision) {
    return GoOn(now);  // there is no history
  }
  phase_ = Phase::kHashing;
  const uint64_t sequence = ++sequence_;
  const uint64_t began = environment_.loop->LiveMicros();
  Hash(std::make_shared<PieceHash>(view, piece_, limits_.pairs),
       [this, sequence, began](const absl::Status& status, const PieceHash& hash) {
         if (sequence != sequence_) return;
         const Duration rest =
             std::chrono::microseconds(environment_.loop->LiveMicros() - began) * limits_.rest;
         due_ = environment_.loop->Now() + std::max(limits_.pause, rest);
         AskOthers(status, hash);
       });
}

void StateCheck::AskOthers(const absl::Status& status, const PieceHash& hash) {
  if (!status.ok()) {
    phase_ = Phase::kWaiting;
    if (absl::IsDataLoss(status)) environment_.on_damage(status);
    return;
  }
  phase_ = Phase::kAsking;
  piece_ = hash.piece();
  asked_at_ = environment_.loop->Now();
  answers_.clear();
  asked_.clear();
  answers_[environment_.self] = {sequence_, StateAnswer::Outcome::kHashed, hash.hash()};
  for (const auto& [id, info] : environment_.configuration().members) {
    if (id == environment_.self) continue;
    if (environment_.send(id, StateQuestion{sequence_, applied_, revision_, piece_}))
      asked_.insert(id);
  }
}

void StateCheck::OnAnswer(raft::NodeId from, const StateAnswer& answer) {
  if (phase_ != Phase::kAsking || answer.sequence != sequence_) return;
  answers_[from] = answer;
  if (AllAskedAnswered()) Judge(environment_.loop->Now());
}

bool StateCheck::AllAskedAnswered() const {
  return std::all_of(asked_.begin(), asked_.end(),
                     [this](raft::NodeId id) { return answers_.contains(id); });
}

bool StateCheck::AllAnswered() const {
  const auto& members = environment_.configuration().members;
  return std::all_of(members.begin(), members.end(),
                     [this](const auto& member) { return answers_.contains(member.first); });
}

void StateCheck::Judge(Instant now) {
  std::map<std::optional<uint32_t>, raft::NodeSet> by_hash;
  for (const auto& [id, answer] : answers_) {
    if (answer.outcome == StateAnswer::Outcome::kHashed) by_hash[answer.hash].insert(id);
    if (answer.outcome == StateAnswer::Outcome::kOtherRevision) by_hash[std::nullopt].insert(id);
  }
  if (by_hash.size() < 2) {
    differs_since_.reset();
    return GoOn(now);
  }
  std::vector<raft::NodeId> wrong;
  bool decided = false;
  for (const auto& [hash, members] : by_hash) {
    const bool right =
        raft::HasQuorum(environment_.configuration(),
                        [&agree = members](raft::NodeId id) { return agree.contains(id); });
    decided = decided || right;
    if (!right) wrong.insert(wrong.end(), members.begin(), members.end());
  }
  if (!decided) wrong.clear();
  Differ(now, wrong);
}

// The same piece again before anybody is told.
void StateCheck::Differ(Instant now, const std::vector<raft::NodeId>& wrong) {
  phase_ = Phase::kWaiting;
  const bool again = differs_since_.has_value();
  if (!again) differs_since_ = now;
  const bool more_may_answer =
      wrong.empty() && !AllAnswered() && now - *differs_since_ < limits_.undecided;
  due_ = now;
  if (!again || more_may_answer) return;
  differs_since_.reset();
  environment_.on_difference(wrong);
  GoOn(now);
}

void StateCheck::GoOn(Instant now) {
  phase_ = Phase::kWaiting;
  if (piece_.kind == StatePiece::Kind::kPairs) {
    const std::optional<std::string> end = std::exchange(piece_.end, std::nullopt);
    piece_.begin = end.value_or("");
    if (!end) piece_ = {.kind = StatePiece::Kind::kChanges, .first_revision = 1};
    return;
  }
  // What came since the walk began is the next one's.
  if (piece_.revision < walk_revision_) {
    piece_.first_revision = piece_.revision + 1;
    return;
  }
  piece_ = {};
  due_ = std::max({due_, walk_began_ + limits_.walk, now});
  ++walks_;
}

void StateCheck::OnQuestion(raft::NodeId from, StateQuestion question) {
  const Instant now = environment_.loop->Now();
  pending_ = Pending{from, std::move(question), now + limits_.answer_within};
  AnswerPending(now);
}

// A member that lags answers once it has applied as much.
void StateCheck::AnswerPending(Instant now) {
  if (!pending_ || answering_) return;
  const storage::ReadViewPtr view = environment_.view();
  const bool behind = view->applied().index < pending_->question.applied;
  if (behind && now < pending_->until) return;
  const Pending asked = *std::exchange(pending_, std::nullopt);
  const bool same_point = view->applied().index == asked.question.applied;
  if (behind) return Reply(asked.from, asked.question.sequence, StateAnswer::Outcome::kBehind);
  if (view->revision() < asked.question.piece.revision ||
      (same_point && view->revision() != asked.question.revision)) {
    return Reply(asked.from, asked.question.sequence, StateAnswer::Outcome::kOtherRevision);
  }
  answering_ = true;
  Hash(std::make_shared<PieceHash>(view, asked.question.piece),
       [this, asked](const absl::Status& status, const PieceHash& hash) {
         answering_ = false;
         const uint64_t sequence = asked.question.sequence;
         if (status.ok()) {
           return Reply(asked.from, sequence, StateAnswer::Outcome::kHashed, hash.hash());
         }
         Reply(asked.from, sequence, StateAnswer::Outcome::kCannot);
         if (absl::IsDataLoss(status)) environment_.on_damage(status);
       });
}

void StateCheck::Reply(raft::NodeId to, uint64_t sequence, StateAnswer::Outcome outcome,
                       uint32_t hash) {
  environment_.send(to, StateAnswer{sequence, outcome, hash});
}

}  // namespace keelson::server
