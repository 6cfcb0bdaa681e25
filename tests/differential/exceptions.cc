#include "tests/differential/exceptions.h"

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/differential/tie_order.h"

namespace keelson::differential {
namespace {

using etcdserverpb::RangeRequest;

bool ExplainedByTies(const Difference& difference) {
  return difference.request != nullptr &&
         EqualButForTies(*difference.request, difference.reference, difference.subject);
}

bool ExplainedByInvalidSort(const Difference& difference) {
  if (difference.request == nullptr) return false;
  const auto* range = std::get_if<RangeRequest>(difference.request);
  if (range == nullptr) return false;
  const bool unknown = !RangeRequest::SortOrder_IsValid(range->sort_order()) ||
                       !RangeRequest::SortTarget_IsValid(range->sort_target());
  constexpr int kInvalidArgument = 3;
  constexpr int kBadRequest = 400;
  return unknown &&
         (difference.subject.code == kInvalidArgument || difference.subject.code == kBadRequest) &&
         difference.subject.error == "etcdserver: invalid sort option";
}

// The transcript without the lines that bear `mark`.
std::string Without(const char* mark, const std::string& transcript) {
  std::vector<std::string> kept;
  for (absl::string_view line : absl::StrSplit(transcript, '\n')) {
    if (!absl::StrContains(line, mark)) kept.emplace_back(line);
  }
  return absl::StrJoin(kept, "\n");
}

constexpr const char* kDeleteMark = "[delete at compaction]";
constexpr const char* kNegativeMark = "[negative start]";

// Both may be met by one script: what one of them explains is left out by the other.
bool EqualBeside(const Difference& difference) {
  return difference.script != nullptr &&
         Without(kNegativeMark, Without(kDeleteMark, difference.reference_text)) ==
             Without(kNegativeMark, Without(kDeleteMark, difference.subject_text));
}

// Only the reference may lack such deletes.
bool DeletesAsMeant(const Difference& difference) {
  return !absl::StrContains(difference.reference_text, kDeleteMark);
}

bool NegativeStartAsMeant(const Difference& difference) {
  return !absl::StrContains(difference.subject_text, kNegativeMark) ||
         absl::StrContains(difference.subject_text,
                           "[negative start] watch -1 created canceled reason "
                           "\"etcdserver: mvcc: required revision has been compacted\"");
}

bool ExplainedByDeleteAtCompaction(const Difference& difference) {
  return EqualBeside(difference) && absl::StrContains(difference.subject_text, kDeleteMark) &&
         DeletesAsMeant(difference) && NegativeStartAsMeant(difference);
}

bool ExplainedByNegativeStart(const Difference& difference) {
  const bool deletes_differ = Without(kNegativeMark, difference.reference_text) !=
                              Without(kNegativeMark, difference.subject_text);
  return EqualBeside(difference) && absl::StrContains(difference.subject_text, kNegativeMark) &&
         NegativeStartAsMeant(difference) && (!deletes_differ || DeletesAsMeant(difference));
}

// The rest of both answers is the same.
bool ExplainedByUpdateOfALearner(const Difference& difference) {
  if (difference.request == nullptr) return false;
  const bool of_members =
      std::holds_alternative<etcdserverpb::MemberUpdateRequest>(*difference.request) ||
      std::holds_alternative<etcdserverpb::MemberListRequest>(*difference.request);
  constexpr const char* kMark = "isLearner: true";
  return of_members && absl::StrContains(difference.subject_text, kMark) &&
         Without(kMark, difference.subject_text) == difference.reference_text;
}

bool ExplainedByAlarmHeader(const Difference& difference) {
  if (difference.request == nullptr || difference.subject.message == nullptr ||
      difference.reference.message == nullptr ||
      !std::holds_alternative<etcdserverpb::AlarmRequest>(*difference.request)) {
    return false;
  }
  const auto& reference =
      static_cast<const etcdserverpb::AlarmResponse&>(*difference.reference.message);
  auto subject = static_cast<const etcdserverpb::AlarmResponse&>(*difference.subject.message);
  if (reference.has_header() || !subject.has_header()) return false;
  subject.clear_header();
  return subject.SerializeAsString() == reference.SerializeAsString();
}

bool ExplainedByHashAtCompaction(const Difference& difference) {
  if (difference.request == nullptr || difference.subject.message == nullptr) return false;
  const auto* request = std::get_if<etcdserverpb::HashKVRequest>(difference.request);
  return request != nullptr &&
         difference.reference.error == "etcdserver: mvcc: required revision has been compacted" &&
         static_cast<const etcdserverpb::HashKVResponse&>(*difference.subject.message)
                 .compact_revision() == request->revision();
}

bool ExplainedByPreconditionStatus(const Difference& difference) {
  constexpr int kPreconditionFailed = 412;
  constexpr int kBadRequest = 400;
  return difference.request != nullptr && difference.reference.code == kPreconditionFailed &&
         difference.subject.code == kBadRequest && !difference.subject.error.empty() &&
         difference.reference.error == difference.subject.error;
}

bool ExplainedByHashKvPath(const Difference& difference) {
  constexpr int kNotFound = 404;
  return difference.request != nullptr &&
         std::holds_alternative<etcdserverpb::HashKVRequest>(*difference.request) &&
         difference.reference.code == kNotFound && difference.reference.error == "Not Found\n";
}

}  // namespace

const std::vector<Exception>& AllExceptions() {
  static const auto* exceptions = new std::vector<Exception>{
      {"sort-ties", "etcd sorts with an unstable sort, so the order among equal sort keys is open",
       ExplainedByTies},
      {"invalid-sort-option", "3.6 refuses unknown sort orders and targets, 3.4 ignores them",
       ExplainedByInvalidSort},
      {"negative-watch-start",
       "3.6 refuses a watch from a negative revision at its creation, 3.4 creates and cancels it",
       ExplainedByNegativeStart},
      {"delete-at-compaction",
       "3.4 may lose the delete at the very revision compacted to, which a watch may start from",
       ExplainedByDeleteAtCompaction},
      {"update-of-a-learner",
       "3.4 no longer tells that a learner is one once its URLs were changed",
       ExplainedByUpdateOfALearner},
      {"alarm-header", "3.4 sends no header with its answer to Alarm, 3.6 does",
       ExplainedByAlarmHeader},
      {"hashkv-at-compaction", "3.4 refuses the very revision compacted to, 3.6 takes it",
       ExplainedByHashAtCompaction},
      {"gateway-hashkv", "3.4's gateway has no path for HashKV", ExplainedByHashKvPath},
      {"failed-precondition-status",
       "Debian's gateway answers FailedPrecondition with 412, etcd's 400",
       ExplainedByPreconditionStatus},
  };
  return *exceptions;
}

const Exception* FindException(const Difference& difference) {
  for (const Exception& exception : AllExceptions()) {
    if (exception.explains(difference)) return &exception;
  }
  return nullptr;
}

}  // namespace keelson::differential
