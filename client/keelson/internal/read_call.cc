// One read:
//
//   no stale_ok, or asked to be stale --> one question, with the whole time
//   stale_ok, a quorum is believed in --> the linearizable question, with a part of the time
//                                           \--no answer: QuorumBelief::Lost--> the stale one
//   stale_ok, the quorum is lost      --> the stale one; beside it a probe, one per client
#include "client/keelson/internal/read_call.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/keelson/internal/convert.h"

namespace keelson::client::internal {
namespace {

// How long a read that may be stale looks for a quorum.
constexpr absl::Duration kLongestSearch = absl::Seconds(1);

// What the metadata and the time that it took say of a stale answer.
Freshness FreshnessOf(const UnaryAnswer& answer) {
  Freshness freshness;
  int64_t age_ms = 0;
  const std::string* age = Find(answer.metadata, "keelson-age-ms");
  if (age != nullptr && absl::SimpleAtoi(*age, &age_ms)) {
    // The member's word is of the moment it answered, which was after the question was sent.
    freshness.age = absl::Milliseconds(age_ms) + answer.took;
  }
  const std::string* quorum = Find(answer.metadata, "keelson-quorum");
  freshness.quorum = quorum != nullptr && *quorum == "true";
  return freshness;
}

// Every answer has its header in field 1, so any of them reads it.
int64_t RevisionOf(const UnaryAnswer& answer) {
  etcdserverpb::CompactionResponse header;
  return header.ParseFromString(answer.body) ? header.header().revision() : 0;
}

absl::Status IsRecent(const UnaryAnswer& answer, int64_t min_revision) {
  // A member that knows of min-revision has waited for it.
  if (min_revision <= 0 || Find(answer.metadata, "keelson-quorum") != nullptr) {
    return absl::OkStatus();
  }
  const int64_t revision = RevisionOf(answer);
  if (revision >= min_revision) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("the member is at revision ", revision,
                                             " and the read is to see revision ", min_revision));
}

absl::Status IsYoung(const UnaryAnswer& answer, std::optional<absl::Duration> max_age) {
  if (!max_age) return absl::OkStatus();
  const std::optional<absl::Duration> age = FreshnessOf(answer).age;
  if (age && *age <= *max_age) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "keelson: what this member has ",
      age ? absl::StrCat("is ", absl::ToInt64Milliseconds(*age), " ms old") : "is of unknown age",
      ", asked for at most ", absl::ToInt64Milliseconds(*max_age), " ms"));
}

// Whether the failure may be that of a cluster without a quorum.
bool MayLackQuorum(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsInternal(status);
}

class ReadCall : public std::enable_shared_from_this<ReadCall> {
 public:
  ReadCall(std::shared_ptr<Core> core, ReadRequest request, ReadDone done)
      : core_(std::move(core)), request_(std::move(request)), done_(std::move(done)) {
    timeout_ =
        request_.timeout == absl::ZeroDuration() ? core_->options().timeout : request_.timeout;
    started_ = core_->scheduler().Now();
  }

  void Start() {
    if (!request_.linearizable) return Ask(request_.body, /*linearizable=*/false, timeout_);
    const bool may_be_stale = request_.options.stale_ok && request_.stale_body.has_value();
    if (!may_be_stale) return Ask(request_.body, /*linearizable=*/true, timeout_);
    if (core_->quorum().lost()) {
      Probe();
      return AskStale();
    }
    falls_back_ = true;
    Ask(request_.body, /*linearizable=*/true, std::min(timeout_ / 2, kLongestSearch));
  }

 private:
  void AskStale() {
    falls_back_ = false;
    const absl::Duration left = timeout_ - (core_->scheduler().Now() - started_);
    Ask(*request_.stale_body, /*linearizable=*/false, std::max(left, absl::Milliseconds(1)));
  }

  void Ask(const std::string& body, bool linearizable, absl::Duration timeout) {
    const ReadOptions& options = request_.options;
    const int64_t min_revision = linearizable
                                     ? options.min_revision
                                     : std::max(options.min_revision, request_.seen_revision);
    UnaryRequest question{.method = request_.method,
                          .body = body,
                          .effect = Effect::kReads,
                          .timeout = timeout,
                          .cancellation = request_.cancellation};
    // Any of them makes the member say how old its answer is.
    if (!linearizable || min_revision > 0) {
      question.metadata.emplace_back("keelson-min-revision", absl::StrCat(min_revision));
    }
    const auto max_age = linearizable ? std::nullopt : options.max_age;
    if (max_age) {
      const int64_t ms = std::max<int64_t>(0, absl::ToInt64Milliseconds(*max_age));
      question.metadata.emplace_back("keelson-max-age-ms", absl::StrCat(ms));
    }
    question.judge = [max_age, min_revision](const UnaryAnswer& answer) {
      const absl::Status recent = IsRecent(answer, min_revision);
      return recent.ok() ? IsYoung(answer, max_age) : recent;
    };
    StartUnary(core_, std::move(question),
               [self = shared_from_this(), linearizable](absl::StatusOr<UnaryAnswer> answer) {
                 self->Ended(std::move(answer), linearizable);
               });
  }

  void Ended(absl::StatusOr<UnaryAnswer> answer, bool linearizable) {
    if (!answer.ok()) {
      if (!falls_back_ || !MayLackQuorum(answer.status())) return done_(answer.status());
      core_->quorum().Lost();
      return AskStale();
    }
    ReadAnswer result{.freshness = FreshnessOf(*answer)};
    if (linearizable) {
      // It was made after its question was sent, and all that was there then is in it.
      result.freshness = {.age = answer->took, .quorum = true, .linearizable = true};
    }
    result.body = std::move(answer->body);
    done_(std::move(result));
  }

  // Looks whether a quorum is back, with no more than one question at a time.
  void Probe() {
    if (!core_->quorum().MayProbe()) return;
    UnaryRequest question{
        .method = "/etcdserverpb.KV/Range",
        .body = ToWire(KeyRange::Key("health"), {.count_only = true}).SerializeAsString(),
        .effect = Effect::kReads};
    StartUnary(core_, std::move(question), [core = core_](absl::StatusOr<UnaryAnswer> answer) {
      core->quorum().Probed(answer.ok() || absl::IsPermissionDenied(answer.status()));
    });
  }

  const std::shared_ptr<Core> core_;
  const ReadRequest request_;
  const ReadDone done_;
  absl::Duration timeout_;
  Instant started_;
  bool falls_back_ = false;  // the running question is to be followed by the stale one
};

}  // namespace

void StartRead(const std::shared_ptr<Core>& core, ReadRequest request, ReadDone done) {
  std::make_shared<ReadCall>(core, std::move(request), std::move(done))->Start();
}

}  // namespace keelson::client::internal
