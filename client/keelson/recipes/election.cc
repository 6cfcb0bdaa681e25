#include "client/keelson/recipes/election.h"

#include "absl/strings/str_cat.h"
#include "client/keelson/recipes/internal/claim.h"

namespace keelson::client::recipes {

Election::Election(LeaseSession& session, const std::string& name)
    : claim_(std::make_unique<internal::Claim>(session, internal::ClaimKey(session, name),
                                               KeyRange::Prefix(absl::StrCat(name, "/")))) {}

Election::~Election() = default;

absl::Status Election::Campaign(const std::string& value, const WaitOptions& wait) {
  return claim_->Obtain(value, wait);
}

absl::Status Election::Proclaim(const std::string& value, const WaitOptions& wait) {
  if (!claim_->IsHeld()) {
    return WithOutcome(absl::FailedPreconditionError("this candidate does not lead"),
                       Outcome::kFailed);
  }
  internal::Patience patience(claim_->session(), wait);
  return claim_->Update(value, patience);
}

absl::Status Election::Resign() { return claim_->Leave(); }

bool Election::IsLeader() const { return claim_->IsHeld(); }

Fence Election::fence() const { return claim_->fence(); }

absl::StatusOr<std::optional<Leader>> Election::Current(const Client& client,
                                                        const std::string& name,
                                                        const CallOptions& call) {
  const GetOptions oldest{
      .limit = 1, .order = SortOrder::kAscending, .sort_by = SortTarget::kCreateRevision};
  const auto got = client.kv().Get(KeyRange::Prefix(absl::StrCat(name, "/")), oldest, call);
  if (!got.ok()) return got.status();
  if (got->kvs.empty()) return std::nullopt;
  const KeyValue& kv = got->kvs[0];
  return Leader{.value = kv.value,
                .fence = Fence(kv.key, kv.create_revision),
                .mod_revision = kv.mod_revision};
}

}  // namespace keelson::client::recipes
