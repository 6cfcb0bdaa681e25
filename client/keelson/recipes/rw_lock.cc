#include "client/keelson/recipes/rw_lock.h"

#include "absl/strings/str_cat.h"
#include "client/keelson/recipes/internal/claim.h"

namespace keelson::client::recipes {
namespace {

using internal::Claim;
using internal::ClaimKey;

absl::Status Obtain(Claim& wanted, const Claim& other, const WaitOptions& wait) {
  if (other.entered()) {
    return WithOutcome(absl::FailedPreconditionError("held in the other mode; release it first"),
                       Outcome::kFailed);
  }
  return wanted.Obtain("", wait);
}

}  // namespace

// Readers stand behind the writers only, writers behind all.
RwLock::RwLock(LeaseSession& session, const std::string& name)
    : read_(std::make_unique<Claim>(session, ClaimKey(session, absl::StrCat(name, "/read")),
                                    KeyRange::Prefix(absl::StrCat(name, "/write/")))),
      write_(std::make_unique<Claim>(session, ClaimKey(session, absl::StrCat(name, "/write")),
                                     KeyRange::Prefix(absl::StrCat(name, "/")))) {}

RwLock::~RwLock() = default;

absl::Status RwLock::AcquireRead(const WaitOptions& wait) { return Obtain(*read_, *write_, wait); }

absl::Status RwLock::AcquireWrite(const WaitOptions& wait) { return Obtain(*write_, *read_, wait); }

absl::Status RwLock::Release() {
  const absl::Status read = read_->entered() ? read_->Leave() : absl::OkStatus();
  const absl::Status write = write_->entered() ? write_->Leave() : absl::OkStatus();
  return read.ok() ? write : read;
}

bool RwLock::IsHeldForRead() const { return read_->IsHeld(); }
bool RwLock::IsHeldForWrite() const { return write_->IsHeld(); }

Fence RwLock::fence() const { return write_->entered() ? write_->fence() : read_->fence(); }

}  // namespace keelson::client::recipes
