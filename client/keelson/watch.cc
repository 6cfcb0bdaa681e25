#include "client/keelson/watch.h"

#include <utility>

#include "client/keelson/internal/watch_session.h"

namespace keelson::client {

std::unique_ptr<Watcher> Watcher::Start(std::shared_ptr<internal::Core> core,
                                        std::vector<WatchTarget> targets, WatchOptions options,
                                        std::shared_ptr<const internal::View> view) {
  if (view == nullptr) view = internal::PlainView();
  auto session = std::make_shared<internal::WatchSession>(std::move(core), std::move(targets),
                                                          std::move(options), std::move(view));
  session->Start();
  return std::make_unique<Watcher>(std::move(session));
}

Watcher::Watcher(std::shared_ptr<internal::WatchSession> session) : session_(std::move(session)) {}

Watcher::~Watcher() { session_->Close(); }

absl::StatusOr<WatchBatch> Watcher::Next(absl::Duration timeout) { return session_->Next(timeout); }

Future<WatchBatch> Watcher::NextAsync() { return session_->NextAsync(); }

absl::StatusOr<int64_t> Watcher::WaitReady(absl::Duration timeout) {
  return session_->WaitReady(timeout);
}

void Watcher::RequestProgress() { session_->RequestProgress(); }

void Watcher::Cancel() { session_->Stop(); }

int64_t Watcher::compact_revision() const { return session_->compact_revision(); }

}  // namespace keelson::client
