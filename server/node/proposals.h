// The writes that clients of this member wait for.
//
//            Add                Appended (we lead)
//   (none) -------> waiting ------------------------> appended --+
//                    |  ^  \      Forwarded (another)             |  Applied: answered
//                    |  |   +---------------------> forwarded ----+  Expire: unknown
//           Expire:  |  +---- Refused / IndexTaken / TermApplied -+
//           no leader v            (surely not in the log)
//                  failed
//
// A proposal that left `waiting` is never sent again unless it surely is not in the log; if nobody
// can tell, its client hears "timed out", which means unknown. Who leads one term appends it in
// that term or never, and terms only rise along the log: once an entry of a later term is applied,
// what was not applied before it surely never will be. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "raft/types.h"
#include "server/apply/applier.h"
#include "server/node/seams.h"
#include "server/node/slow_log.h"

namespace keelson::server {

class Proposals {
 public:
  // Told once: the applied result, or the error that the client is to see.
  using Done = std::function<void(ApplyResult result)>;
  using Payload = std::shared_ptr<const std::string>;

  // What to do with a waiting proposal; the node tries it in order of arrival.
  enum class Sent { kAppended, kForwarded, kNotNow, kRefused };
  struct Attempt {
    Sent sent = Sent::kNotNow;
    raft::EntryId id;      // kAppended
    raft::NodeId leader;   // kForwarded
    raft::Term term;       // kForwarded: appended in this one or never; none: in any
    absl::Status refusal;  // kRefused: the client sees it
  };
  using Send = std::function<Attempt(uint64_t sequence, const Payload& payload)>;

  // When an applied proposal went through the stages that are not seen from here.
  struct ApplyTimes {
    std::optional<Instant> committed;
    std::optional<Instant> began;
    Instant ended;
  };
  // Told of each that took longer than Limits::slow, before it is answered.
  using OnSlow =
      std::function<void(const WriteTimes& times, const Payload& payload, const absl::Status&)>;

  // Times after which a client is told that its write failed or is unknown.
  struct Limits {
    Duration total = std::chrono::seconds(7);               // with a leader
    Duration never_sent = std::chrono::milliseconds(3000);  // waiting for a leader
    Duration leaderless = std::chrono::milliseconds(1500);  // sent, and no leader for so long
    Duration slow = Duration::max();  // applied or given up later is told as slow
  };

  // Sequence numbers go on from `boot_id`, which is of this start of the member: a late refusal of
  // what the process before it forwarded is not taken for one of this one's.
  explicit Proposals(Limits limits, OnSlow on_slow = {}, uint64_t boot_id = 0)
      : limits_(limits), on_slow_(std::move(on_slow)), last_sequence_(boot_id) {}

  // The next sequence number; it goes into the payload's ProposalId.
  uint64_t NextSequence() { return ++last_sequence_; }
  void Add(uint64_t sequence, Payload payload, Done done, Instant now);

  // Offers every waiting proposal to `send` until it says kNotNow.
  void SendWaiting(const Send& send, Instant now);

  // A leader surely did not append it, as it was sent for `term`.
  void Refused(uint64_t sequence, raft::Term term, const absl::Status& final_error);
  // An entry of `id` was applied; those of ours that were appended at its index under another term
  // surely are not in the log.
  void IndexTaken(raft::EntryId id);
  // Entries up to one of `term` were applied, and whose they were was told. Whether there is
  // something to send again: what was sent for an earlier term.
  bool TermApplied(raft::Term term);
  // The state went on without the entries in between (a snapshot): of what was sent before nobody
  // can tell any more whether it is in the log, unless it is applied yet.
  void LogSkipped();
  // Whether a client of this member waits for `sequence`.
  bool Waits(uint64_t sequence) const { return pending_.contains(sequence); }
  void Applied(uint64_t sequence, ApplyResult result, const ApplyTimes& times);

  // Call at every tick. `leaderless_since` is Instant{INT64_MAX} while there is a leader.
  void Expire(Instant now, Instant leaderless_since);
  // The connection to the leader that got proposals closed: only the later error text changes.
  void ConnectionLost(raft::NodeId peer);

  // Ends every proposal (shutdown).
  void FailAll(const absl::Status& status);

  size_t size() const { return pending_.size(); }
  bool has_waiting() const { return !waiting_.empty(); }
  uint64_t failed_total() const { return failed_total_; }

 private:
  enum class State { kWaiting, kAppended, kForwarded };
  struct Pending {
    State state = State::kWaiting;
    Payload payload;
    Done done;
    Instant since;
    std::optional<Instant> sent;
    raft::EntryId id;
    raft::NodeId sent_to;
    raft::Term term;  // in which it is in the log, if it is
    bool connection_lost = false;
    bool log_skipped = false;  // since it was sent
  };

  absl::Status ExpiryError(const Pending& pending, Instant now, Instant leaderless_since) const;
  void TellIfSlow(const Pending& pending, const ApplyTimes& times, const absl::Status& outcome);
  void Finish(uint64_t sequence, ApplyResult result);
  void BackToWaiting(uint64_t sequence);

  Limits limits_;
  OnSlow on_slow_;
  uint64_t last_sequence_;
  uint64_t failed_total_ = 0;
  raft::Term applied_term_;
  absl::flat_hash_map<uint64_t, Pending> pending_;
  // Waiting ones in order of arrival; sequence numbers are that order.
  absl::btree_map<uint64_t, bool> waiting_;
  absl::btree_map<raft::Index, uint64_t> appended_;
};

}  // namespace keelson::server
