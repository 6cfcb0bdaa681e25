#include "server/node/lease_desk.h"

#include <utility>

#include "server/apply/errors.h"

namespace keelson::server {

LeaseDesk::LeaseDesk(LeaseTable* table, Node node, Duration election_timeout)
    : table_(table),
      node_(std::move(node)),
      election_timeout_(election_timeout),
      last_sequence_(node_.boot_id) {}

void LeaseDesk::Ask(LeaseQuestion::Kind kind, int64_t lease, Done done) {
  const uint64_t sequence = ++last_sequence_;
  Asked& asked = asked_[sequence];
  asked.question = {sequence, kind, lease};
  asked.done = std::move(done);
  asked.since = node_.now();
  Try(&asked);
}

void LeaseDesk::Try(Asked* asked) {
  if (node_.is_leader()) {
    asked->sent = true;
    AnswerAsLeader(asked->question, [this](const LeaseAnswer& answer) { OnAnswer(answer); });
    return;
  }
  const raft::NodeId leader = node_.leader();
  if (!leader.IsNone()) asked->sent = node_.send(leader, asked->question);
}

void LeaseDesk::OnQuestion(raft::NodeId from, const LeaseQuestion& question) {
  AnswerAsLeader(question, [this, from](const LeaseAnswer& answer) { node_.send(from, answer); });
}

void LeaseDesk::AnswerAsLeader(const LeaseQuestion& question,
                               std::function<void(LeaseAnswer)> reply) {
  LeaseAnswer refused;
  refused.sequence = question.sequence;
  refused.outcome = LeaseAnswer::Outcome::kNotLeader;
  if (!node_.is_leader()) return reply(refused);
  node_.when_readable([this, question, refused, reply = std::move(reply)](absl::Status status) {
    if (!status.ok() || !table_->primary()) return reply(refused);
    if (question.kind == LeaseQuestion::Kind::kKeepAlive) return RenewAsLeader(question, reply);
    LeaseAnswer answer;
    answer.sequence = question.sequence;
    const auto times = table_->TimeToLive(question.lease, node_.now());
    if (!times) {
      answer.outcome = LeaseAnswer::Outcome::kNotFound;
    } else {
      answer.ttl_seconds = times->remaining;
      answer.granted_ttl_seconds = times->granted;
    }
    reply(answer);
  });
}

void LeaseDesk::RenewAsLeader(const LeaseQuestion& question,
                              std::function<void(LeaseAnswer)> reply) {
  table_->Renew(question.lease, node_.now(),
                [this, question, reply = std::move(reply)](LeaseRenewal renewal) {
                  LeaseAnswer answer;
                  answer.sequence = question.sequence;
                  switch (renewal.outcome) {
                    case LeaseRenewal::Outcome::kRenewed:
                      if (table_->IsCheckpointed(question.lease)) {
                        return ClearCheckpoint(question, reply);
                      }
                      answer.ttl_seconds = answer.granted_ttl_seconds = renewal.ttl;
                      break;
                    case LeaseRenewal::Outcome::kGone:
                      answer.outcome = LeaseAnswer::Outcome::kNotFound;
                      break;
                    case LeaseRenewal::Outcome::kNotPrimary:
                      answer.outcome = LeaseAnswer::Outcome::kNotLeader;
                      break;
                  }
                  reply(answer);
                });
}

// The next leader would go by the checkpoint: the answer waits until the log takes it back.
void LeaseDesk::ClearCheckpoint(const LeaseQuestion& question,
                                std::function<void(LeaseAnswer)> reply) {
  std::vector<Waiting>& waiting = clearing_[question.lease];
  const bool on_its_way = !waiting.empty();
  waiting.push_back({question, std::move(reply)});
  if (on_its_way || node_.propose_checkpoints({{question.lease, 0}})) return;
  const Waiting refused = std::move(waiting.back());
  clearing_.erase(question.lease);
  LeaseAnswer answer;
  answer.sequence = question.sequence;
  answer.outcome = LeaseAnswer::Outcome::kNotLeader;
  refused.reply(answer);
}

// The checkpoint is taken back, or the lease is gone, or this member leads no more: each is told
// what holds now.
void LeaseDesk::RenewAgain(int64_t lease) {
  const auto found = clearing_.find(lease);
  if (found == clearing_.end()) return;
  const std::vector<Waiting> all = std::move(found->second);
  clearing_.erase(found);
  for (const Waiting& waiting : all) RenewAsLeader(waiting.question, waiting.reply);
}

void LeaseDesk::ProposeCheckpoints(Instant now) {
  if (!node_.may_checkpoint()) return;
  const std::vector<LeaseCheckpoint> due = table_->DueCheckpoints(now, kExpiriesPerEntry);
  if (!due.empty() && !node_.propose_checkpoints(due)) table_->CheckpointsLost(due);
}

void LeaseDesk::OnAnswer(const LeaseAnswer& answer) {
  const auto found = asked_.find(answer.sequence);
  if (found == asked_.end()) return;
  if (answer.outcome == LeaseAnswer::Outcome::kNotLeader) {
    found->second.sent = false;  // the next tick asks again
    return;
  }
  LeaseWord word;
  word.found = answer.outcome == LeaseAnswer::Outcome::kOk;
  word.ttl_seconds = answer.ttl_seconds;
  word.granted_seconds = answer.granted_ttl_seconds;
  Finish(answer.sequence, absl::OkStatus(), word);
}

void LeaseDesk::Finish(uint64_t sequence, const absl::Status& status, LeaseWord word) {
  const auto found = asked_.find(sequence);
  if (found == asked_.end()) return;
  Done done = std::move(found->second.done);
  asked_.erase(found);
  done(status, word);
}

void LeaseDesk::OnApplied(const std::vector<LeaseChange>& changes) {
  for (const LeaseChange& change : changes) {
    if (change.remaining_seconds) {
      table_->OnCheckpoint({change.id, *change.remaining_seconds});
      if (*change.remaining_seconds == 0) RenewAgain(change.id);
    } else if (change.ttl_seconds > 0) {
      table_->OnGranted({change.id, change.ttl_seconds}, node_.now());
    } else {
      table_->OnRevoked(change.id);
      RenewAgain(change.id);
    }
  }
}

void LeaseDesk::Tick(bool quorum_contact) {
  const Instant now = node_.now();
  if (quorum_contact) table_->QuorumContact(now);
  if (table_->primary()) {
    for (int entry = 0; entry < kExpiryEntriesPerTick; ++entry) {
      const std::vector<int64_t> ids = table_->Expired(now, kExpiriesPerEntry);
      if (ids.empty()) break;
      if (!node_.propose_expiry(ids)) {
        table_->ExpiryLost(ids);
        break;
      }
    }
    ProposeCheckpoints(now);
  }
  std::vector<uint64_t> given_up;
  std::vector<uint64_t> again;
  for (auto& [sequence, asked] : asked_) {
    if (now - asked.since > kGiveUp) {
      given_up.push_back(sequence);
    } else if (!asked.sent || now - asked.since > election_timeout_) {
      again.push_back(sequence);
    }
  }
  for (const uint64_t sequence : again) {
    const auto found = asked_.find(sequence);
    if (found != asked_.end()) Try(&found->second);
  }
  for (const uint64_t sequence : given_up) {
    Finish(sequence, node_.leader().IsNone() ? errors::NoLeader() : errors::TimedOut(), {});
  }
}

void LeaseDesk::OnPromoted() { table_->Promote(node_.now(), election_timeout_); }

void LeaseDesk::OnDemoted() {
  table_->Demote();
  while (!clearing_.empty()) RenewAgain(clearing_.begin()->first);
  for (auto& [sequence, asked] : asked_) asked.sent = false;
}

void LeaseDesk::FailAll(const absl::Status& status) {
  std::vector<uint64_t> all;
  for (const auto& [sequence, asked] : asked_) all.push_back(sequence);
  for (const uint64_t sequence : all) Finish(sequence, status, {});
}

}  // namespace keelson::server
