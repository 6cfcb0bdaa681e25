#include "client/keelson/recipes/lock.h"

#include "absl/strings/str_cat.h"
#include "client/keelson/recipes/internal/claim.h"

namespace keelson::client::recipes {

Lock::Lock(LeaseSession& session, const std::string& name)
    : claim_(std::make_unique<internal::Claim>(session, internal::ClaimKey(session, name),
                                               KeyRange::Prefix(absl::StrCat(name, "/")))) {}

Lock::~Lock() = default;

absl::Status Lock::Acquire(const WaitOptions& wait) { return claim_->Obtain("", wait); }

absl::Status Lock::TryAcquire(const WaitOptions& wait) { return claim_->TryObtain("", wait); }

absl::Status Lock::Release() { return claim_->Leave(); }

bool Lock::IsHeld() const { return claim_->IsHeld(); }

Fence Lock::fence() const { return claim_->fence(); }

}  // namespace keelson::client::recipes
