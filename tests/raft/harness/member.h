// One member under test: a core with a disk that keeps written apart from synced, and a state
// machine that remembers which entries it applied. Every input and every Ready is followed by the
// invariants of raft/invariants.h.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "raft/core.h"

namespace keelson::raft::testing {

// What a disk holds: log, hard state, and the state machine as it was last flushed.
struct Image {
  HardState hard{};
  EntryId base{};
  std::vector<Entry> entries{};  // base + 1 ...
  SnapshotMeta state{};

  EntryId last() const { return entries.empty() ? base : entries.back().id(); }
  // Null if `index` is not in the log.
  const Entry* Find(Index index) const;
  void Write(const PersistBatch& batch);
  InitialState Recover() const;
};

// The image of a member that starts with `configuration` at index 0.
Image Bootstrap(Configuration configuration);
// A configuration of voters and learners without names or incarnations.
Configuration MakeConfiguration(const std::vector<uint64_t>& voters,
                                const std::vector<uint64_t>& learners = {});

class Member : public LogReader {
 public:
  // Told of what no single member can judge. May be empty functions.
  struct Hooks {
    std::function<void(const Member&, const Entry&)> applied;
    std::function<void(const Member&)> became_leader;
    std::function<void(const Member&, const Ready&)> ready;
    std::function<void(const std::string&)> broken;  // an invariant; default: a test failure
  };

  Member(Options options, Image image, Hooks hooks);
  ~Member() override = default;

  NodeId id() const { return options_.id; }
  const Core& core() const { return *core_; }
  const Options& options() const { return options_; }
  const Image& written() const { return written_; }
  // The log including what the disk has not finished.
  Image LogNow() const;
  // The applied state; its index is core().applied().
  const SnapshotMeta& state() const { return state_; }

  // One input, checked.
  void Do(absl::FunctionRef<void(Core&)> input);
  // Takes a Ready: messages go to the outbox, the batch to the disk, entries are applied.
  Ready Turn();
  bool HasReady() const { return core_->HasReady(); }
  // Completes the oldest `count` outstanding batches. False if there is none.
  bool Persist(size_t count = 1);
  size_t outstanding() const { return disk_.size(); }
  std::vector<Message> TakeOutbox();

  // A staged snapshot that waits to be installed; done when no batch is outstanding.
  bool installing() const { return installing_.has_value(); }
  bool Install();

  // The state machine's flushed state moves up to what is applied; the log may be cut behind it.
  void Flush() { flushed_ = state_; }
  void Compact(Index first_kept);

  // What a new process finds after `completed` of the outstanding batches reached the disk, with or
  // without loss of what was not synced.
  Image Crash(size_t completed, bool power_loss) const;

  bool defer_apply = false;  // Turn() only queues; ApplyQueued() applies
  bool reader_busy = false;  // the log reader answers Unavailable
  void ApplyQueued();
  std::vector<std::string> applied_payloads;

 private:
  struct Outstanding {
    PersistBatch batch;
    std::vector<Message> messages;
  };
  absl::StatusOr<std::vector<Entry>> Read(Index lo, Index hi, size_t max_bytes) override;
  absl::StatusOr<Term> TermAt(Index index) override;
  void Check(const StateView& before);
  void Apply(const Entry& entry);

  Options options_;
  Hooks hooks_;
  Image written_;
  Image synced_;
  SnapshotMeta state_;
  SnapshotMeta flushed_;
  std::deque<Outstanding> disk_;
  std::vector<Message> outbox_;
  std::vector<Entry> to_apply_;
  std::optional<SnapshotMeta> installing_;
  std::unique_ptr<Core> core_;
};

}  // namespace keelson::raft::testing
