#include "client/keelson/client.h"

#include <future>
#include <utility>

#include "base/check.h"
#include "client/keelson/internal/core.h"
#include "client/keelson/internal/view.h"

namespace keelson::client {

Client::Client(std::shared_ptr<internal::Core> core)
    : Client(std::move(core), internal::PlainView()) {}

Client::Client(std::shared_ptr<internal::Core> core, std::shared_ptr<const internal::View> view)
    : core_(std::move(core)), view_(std::move(view)) {}

Client::~Client() {
  internal::Scheduler& scheduler = core_->scheduler();
  if (scheduler.InLoop()) return;
  // What the client's thread is doing for calls that have returned already still holds the core;
  // behind it the core dies here, and its thread is joined.
  const auto done = std::make_shared<std::promise<void>>();
  scheduler.Post([done] { done->set_value(); });
  done->get_future().wait();
}

std::vector<EndpointState> Client::Endpoints() const {
  return core_->endpoints().States(core_->scheduler().Now());
}

std::unique_ptr<Client> Client::WithPrefix(const std::string& prefix) const {
  KEELSON_CHECK(!prefix.empty(), "a view of all keys is no view");
  auto view = std::make_shared<const internal::View>(
      internal::View{.prefix = view_->prefix + prefix, .session = view_->session});
  return std::unique_ptr<Client>(new Client(core_, std::move(view)));
}

std::unique_ptr<Client> Client::WithSession() const {
  auto view = std::make_shared<const internal::View>(internal::View{
      .prefix = view_->prefix, .session = std::make_shared<internal::SessionRevision>()});
  return std::unique_ptr<Client>(new Client(core_, std::move(view)));
}

bool Client::InCallback() const { return core_->scheduler().InLoop(); }

std::unique_ptr<Watcher> Client::Watch(std::vector<WatchTarget> targets,
                                       WatchOptions options) const {
  return Watcher::Start(core_, std::move(targets), std::move(options), view_);
}

std::unique_ptr<Watcher> Client::Watch(const KeyRange& range, int64_t start_revision) const {
  return Watch({WatchTarget{.range = range, .start_revision = start_revision}});
}

}  // namespace keelson::client
