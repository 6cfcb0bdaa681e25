#include "raft/options.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "raft/config_codec.h"

namespace keelson::raft {
namespace {

absl::Status Bad(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("raft options: ", what));
}

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("raft state: ", what));
}

absl::Status ValidateTail(const InitialState& s) {
  if (s.tail.front().index > s.applied.Next())
    return Damaged("entries after `applied` are missing");
  if (s.tail.front().index <= s.base.index) return Damaged("the log begins inside what is gone");
  if (s.tail.front().index == s.base.index.Next() && s.tail.front().term < s.base.term) {
    return Damaged("the first entry is older than what precedes it");
  }
  const Entry* previous = nullptr;
  for (const Entry& entry : s.tail) {
    if (previous != nullptr && entry.index != previous->index.Next()) {
      return Damaged(absl::StrCat("entries are missing before ", entry.index.value()));
    }
    if (previous != nullptr && entry.term < previous->term) {
      return Damaged(absl::StrCat("the term goes back at entry ", entry.index.value()));
    }
    if (entry.type == EntryType::kConfig && entry.index > s.applied) {
      const auto decoded = DecodeConfiguration(entry.bytes());
      if (!decoded.ok()) {
        return Damaged(
            absl::StrCat("entry ", entry.index.value(), ": ", decoded.status().message()));
      }
    }
    previous = &entry;
  }
  if (previous->id() != s.last) return Damaged("the log does not end at `last`");
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateOptions(const Options& o) {
  if (o.id.IsNone()) return Bad("id must not be 0");
  if (o.incarnation == 0) return Bad("incarnation must not be 0");
  if (o.boot_id == 0) return Bad("boot_id must not be 0");
  if (o.random == nullptr) return Bad("random must be set");
  if (o.heartbeat_ticks < 1) return Bad("heartbeat_ticks must be at least 1");
  if (o.election_ticks <= o.heartbeat_ticks) {
    return Bad("election_ticks must be more than heartbeat_ticks");
  }
  if (o.max_inflight_messages < 1) return Bad("max_inflight_messages must be at least 1");
  if (o.inflight_bytes < 1) return Bad("inflight_bytes must be at least 1");
  return absl::OkStatus();
}

absl::Status ValidateInitialState(const InitialState& s) {
  if (absl::Status status = ValidateConfiguration(s.configuration); !status.ok()) {
    return Damaged(status.message());
  }
  if (s.base.index > s.applied) return Damaged("the state lags behind the start of the log");
  if (s.configuration_index > s.applied) return Damaged("the configuration is ahead of the state");
  if (s.last.index < s.applied) return Damaged("the log ends before the state");
  if (s.hard_state.commit > s.last.index) return Damaged("the log ends before the commit index");
  if (s.hard_state.term < s.last.term) return Damaged("the log has a later term than the vote");
  if (s.hard_state.term.IsNone() && !s.hard_state.vote.IsNone())
    return Damaged("a vote in no term");
  if (s.base.term > s.last.term) return Damaged("the log ends in an earlier term than its base");
  if (s.base.index == s.last.index && s.base != s.last) return Damaged("`last` contradicts `base`");
  if (s.tail.empty()) {
    return s.last.index == s.applied ? absl::OkStatus()
                                     : Damaged("entries after `applied` are missing");
  }
  return ValidateTail(s);
}

}  // namespace keelson::raft
