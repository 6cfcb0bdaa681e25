#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/etcd/rpc.pb.h"
#include "tests/sim/clients.h"

namespace keelson::sim {

namespace {

// Whoever waits for a revision gives up at some time.
constexpr Duration kPatience = std::chrono::seconds(5);

}  // namespace

void FreshReader::ReadOne() {
  if (stopped_) return;
  Dice& dice = cluster_.dice();
  constexpr int64_t kBounds[] = {150, 400, 3000, 60000, 60000, 60000};
  Asked asked{.max_age_ms = kBounds[dice.Below(6)], .linearizable = dice.OneIn(6)};
  // What a client has seen, or a little more.
  if (dice.OneIn(3)) {
    asked.min_revision = cluster_.truth().acknowledged() + static_cast<int64_t>(dice.Below(3));
  }
  etcdserverpb::RangeRequest request;
  request.set_key("k");
  request.set_range_end("l");
  request.set_count_only(true);
  request.set_serializable(!asked.linearizable);
  SimMember& member = cluster_.AnyMember();
  auto call = std::make_shared<std::shared_ptr<FakeCall>>();
  *call = member.Call(
      "/etcdserverpb.KV/Range", request.SerializeAsString(),
      [this, &member, asked, call](const std::string& bytes) {
        etcdserverpb::RangeResponse response;
        response.ParseFromString(bytes);
        OnAnswer(member, asked, response.header().revision(), (*call)->answer_metadata());
      },
      [this, call](const absl::Status& status) {
        call->reset();
        if (!absl::IsFailedPrecondition(status)) return;
        cluster_.Count(absl::StrContains(status.message(), "unknown age")
                           ? "reads refused since nothing was known of their age"
                           : "reads refused since they would be too old");
      },
      {{"keelson-max-age-ms", absl::StrCat(asked.max_age_ms)},
       {"keelson-min-revision", absl::StrCat(asked.min_revision)}});
  cluster_.world().After(kPatience, [call] {
    if (*call != nullptr) (*call)->End();
    call->reset();
  });
  cluster_.world().After(dice.Between(Duration(0), std::chrono::milliseconds(60)),
                         [this] { ReadOne(); });
}

void FreshReader::OnAnswer(SimMember& member, const Asked& asked, int64_t revision,
                           const FakeCall::Metadata& metadata) {
  if (revision < asked.min_revision) {
    return cluster_.truth().Violated(absl::StrCat(member.name(), " answered at revision ", revision,
                                                  " a read that was to see revision ",
                                                  asked.min_revision));
  }
  const auto found = metadata.find("keelson-age-ms");
  int64_t age_ms = 0;
  if (found == metadata.end() || !absl::SimpleAtoi(found->second, &age_ms) ||
      (age_ms > asked.max_age_ms && !asked.linearizable)) {
    return cluster_.truth().Violated(absl::StrCat(member.name(), " answered a read that may be ",
                                                  asked.max_age_ms,
                                                  " ms old without an age, or with a larger one"));
  }
  cluster_.Count("answers of known age");
  if (age_ms <= 210) cluster_.Count("answers younger than two heartbeats and a round trip");
  const Instant answered = cluster_.world().now() - SimMember::kOnTheWay;
  const Instant since = answered - std::chrono::milliseconds(age_ms);
  CheckCountedRight(member, asked, since);
  const int64_t acknowledged = cluster_.truth().AcknowledgedBy(since);
  if (revision >= acknowledged) return;
  cluster_.truth().Violated(absl::StrCat(
      member.name(), " answered at revision ", revision, ", saying that it is at most ", age_ms,
      " ms old, but revision ", acknowledged, " was acknowledged before that"));
}

// The age covers all that has passed since the anchor, by whichever clock. The anchor of now is the
// one that the answer went by, or a later one.
void FreshReader::CheckCountedRight(SimMember& member, const Asked& asked, Instant since) {
  if (asked.linearizable || !member.up()) return;
  const auto anchor = member.node().FreshnessAnchor();
  constexpr Duration kOfTimeOf = std::chrono::microseconds(3);
  if (!anchor || since <= member.loop().TimeOf(*anchor) + kOfTimeOf) return;
  cluster_.truth().Violated(
      absl::StrCat(member.name(), " told an age that is shorter than the time since its anchor"));
}

}  // namespace keelson::sim
