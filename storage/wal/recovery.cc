#include "storage/wal/recovery.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "storage/wal/segment_chain.h"
#include "storage/wal/segment_reader.h"

namespace keelson::storage {
namespace {

class Recovery {
 public:
  Recovery(const SegmentPlan& plan, DurableEvidence evidence, std::vector<std::string>* notes)
      : plan_(plan), evidence_(std::move(evidence)), notes_(notes) {}

  absl::StatusOr<RecoveredLog> Run(const std::vector<std::string>& names) {
    absl::Status status = OpenAll(names);
    if (!status.ok()) return status;
    auto chain = OrderSegments(
        opened_,
        [this](const Segment& segment, const GroupFrame& frame, uint64_t offset) {
          Consider(segment, frame, offset);
        },
        notes_);
    if (!chain.ok()) return chain.status();
    log_.unused = std::move(chain->unused);
    log_.cut_torn_tail = chain->cut_torn_group;
    log_.highest_group = std::max(log_.highest_group, chain->highest_group);
    for (size_t i = 0; i < chain->links.size(); ++i) {
      const bool last = i + 1 == chain->links.size();
      status = last ? ReplayLast(*chain->links[i].segment)
                    : ReplayUpTo(*chain->links[i].segment, chain->links[i + 1].first.follows);
      if (!status.ok()) return status;
      log_.segments.push_back(chain->links[i].segment);
    }
    status = CheckEvidence();
    if (!status.ok()) return status;
    return std::move(log_);
  }

 private:
  absl::Status OpenAll(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      auto segment = OpenSegment(plan_, name, notes_);
      if (!segment.ok()) return segment.status();
      log_.highest_sequence = std::max(log_.highest_sequence, (*segment)->header.sequence);
      opened_.push_back(std::move(*segment));
    }
    return absl::OkStatus();
  }

  // Every valid frame, wherever it is, tells what was synced before it was written.
  void Consider(const Segment& segment, const GroupFrame& frame, uint64_t offset) {
    log_.highest_group = std::max(log_.highest_group, frame.number);
    if (frame.durable <= evidence_.group) return;
    evidence_ = {frame.durable, absl::StrCat("group ", frame.number, " in '", segment.path(),
                                             "' at offset ", offset)};
  }

  // A segment that another one follows: its groups up to `limit` must all be there.
  absl::Status ReplayUpTo(const Segment& segment, uint64_t limit) {
    SegmentReader reader(&segment, kRecoveryWindowBytes);
    uint64_t offset = kAreaOffset;
    while (log_.last_group.number != limit) {
      auto frame = reader.Frame(offset);
      if (!frame.ok()) return frame.status();
      if (!frame->has_value() || (*frame)->number > limit) {
        return WalDamage(segment, offset,
                         absl::StrCat("group ", log_.last_group.number + 1, " up to ", limit,
                                      " is missing, but a later segment proves it durable"));
      }
      auto damage = Replay(segment, reader, **frame, offset);
      if (!damage.ok()) return damage.status();
      if (damage->has_value()) {
        return WalDamage(segment, (*damage)->begin,
                         (*damage)->what + ", but a later segment proves it durable");
      }
      offset += PadToSector((*frame)->bytes);
    }
    return absl::OkStatus();
  }

  absl::Status ReplayLast(const Segment& segment) {
    SegmentReader reader(&segment, kRecoveryWindowBytes);
    uint64_t offset = kAreaOffset;
    std::optional<RecordDamage> damage;
    GroupFrame damaged;
    while (true) {
      auto frame = reader.Frame(offset);
      if (!frame.ok()) return frame.status();
      if (!frame->has_value()) break;
      auto replayed = Replay(segment, reader, **frame, offset);
      if (!replayed.ok()) return replayed.status();
      damage = std::move(*replayed);
      damaged = **frame;
      if (damage.has_value()) break;
      offset += PadToSector((*frame)->bytes);
    }
    absl::Status status = FindLaterProof(segment, reader, offset);
    if (!status.ok()) return status;
    if (damage.has_value()) return CutTornGroup(segment, reader, offset, damaged, *damage);
    if (offset >= segment.header.area_end()) return absl::OkStatus();
    absl::StatusOr<bool> old_content = reader.HoldsOldContent(offset);
    if (!old_content.ok()) return old_content.status();
    if (*old_content) return absl::OkStatus();
    return WalDamage(segment, offset, "the start of a group is damaged, not torn");
  }

  absl::Status FindLaterProof(const Segment& segment, SegmentReader& reader, uint64_t offset) {
    uint64_t proof = 0;
    absl::Status status = reader.VisitFrames(offset, [&](const GroupFrame& frame, uint64_t at) {
      Consider(segment, frame, at);
      if (frame.durable > log_.last_group.number) proof = at;
    });
    if (!status.ok() || proof == 0) return status;
    return WalDamage(
        segment, offset,
        absl::StrCat("a group is damaged, but the one at offset ", proof, " proves it durable"));
  }

  absl::Status CutTornGroup(const Segment& segment, SegmentReader& reader, uint64_t offset,
                            const GroupFrame& frame, const RecordDamage& damage) {
    absl::Status torn = CheckLooksTorn(segment, reader, offset, frame, damage);
    if (!torn.ok()) return torn;
    log_.cut_torn_tail = true;
    notes_->push_back(absl::StrCat("log segment '", segment.path(), "' at offset ", damage.begin,
                                   ": ", damage.what, " by a torn write; the group is cut"));
    return absl::OkStatus();
  }

  // Takes a group in when it is whole, else returns its damage.
  absl::StatusOr<std::optional<RecordDamage>> Replay(const Segment& segment, SegmentReader& reader,
                                                     const GroupFrame& frame, uint64_t offset) {
    Consider(segment, frame, offset);
    std::vector<std::pair<raft::EntryId, uint64_t>> entries;
    auto damage = reader.VisitEntries(frame, offset, [&](const EntryView& entry) {
      entries.emplace_back(entry.head.id, entry.offset);
    });
    if (!damage.ok() || damage->has_value()) return damage;
    const bool starts_log = log_.groups == 0;
    bool holds = starts_log || (frame.follows == log_.last_group.number &&
                                HardStateMayFollow(log_.hard, frame.hard));
    holds = holds && log_.index.BeginGroup(frame, segment.header.sequence, offset);
    for (const auto& [id, at] : entries) holds = holds && log_.index.AddEntry(id, at);
    if (!holds) {
      return WalDamage(segment, offset,
                       absl::StrCat("group ", frame.number, " contradicts the log before it"));
    }
    log_.hard = frame.hard;
    if (frame.resets_log) log_.snapshot_marker = frame.prev;
    log_.last_group = frame;
    ++log_.groups;
    log_.bytes += PadToSector(frame.bytes);
    return std::optional<RecordDamage>();
  }

  static bool HardStateMayFollow(const raft::HardState& before, const raft::HardState& after) {
    if (after.term < before.term || after.commit < before.commit) return false;
    return after.term > before.term || before.vote.IsNone() || before.vote == after.vote;
  }

  absl::Status CheckEvidence() {
    if (evidence_.group > log_.last_group.number) {
      const std::string text =
          absl::StrCat("the log ends with group ", log_.last_group.number, ", but ",
                       evidence_.told_by, " proves group ", evidence_.group, " durable");
      if (!log_.segments.empty()) return WalDamage(*log_.segments.back(), 0, text);
      return absl::DataLossError(absl::StrCat("log in '", plan_.dir, "': ", text,
                                              "; segment files are missing: put them back, or "
                                              "remove this member and add it again"));
    }
    log_.last_is_proven = evidence_.group == log_.last_group.number;
    return absl::OkStatus();
  }

  const SegmentPlan& plan_;
  DurableEvidence evidence_;
  std::vector<std::string>* const notes_;
  std::vector<std::shared_ptr<Segment>> opened_;
  RecoveredLog log_;
};

}  // namespace

absl::StatusOr<RecoveredLog> RecoverLog(const SegmentPlan& plan,
                                        const std::vector<std::string>& names,
                                        DurableEvidence evidence, std::vector<std::string>* notes) {
  KEELSON_CHECK(plan.fs != nullptr && notes != nullptr, "recovery needs a disk");
  return Recovery(plan, std::move(evidence), notes).Run(names);
}

}  // namespace keelson::storage
